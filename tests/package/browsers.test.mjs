// The packed package in pages and workers, without a bundler.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { launchChromium } from '../../js/tools/chromium.mjs';
import { HTML, PATIENCE_MS, STRICT, visit, WELL } from './pages.mjs';
import { inside, install, write } from './project.mjs';
import { serve } from './serve.mjs';

let browser;
let site;
let page;

before(async () => {
  [, browser] = await Promise.all([install(), launchChromium()]);
  // Workers know no import maps: what they import names its file.
  mkdirSync(inside('apps', 'plain'), { recursive: true });
  for (const file of ['app.js', 'page.js', 'worker.js', 'stores.js']) {
    const text = readFileSync(inside('apps', file), 'utf8');
    write(
      `apps/plain/${file}`,
      text.replace("'eventcore-web'", "'/node_modules/eventcore-web/dist/index.js'"),
    );
  }
  write('apps/plain/index.html', HTML('page.js'));
  write('apps/plain/blank.html', '<!doctype html><link rel="icon" href="data:,">');
  site = await serve(inside(), { ...STRICT, 'service-worker-allowed': '/' });
  page = await browser.newPage();
  await page.goto(`${site.url}apps/plain/blank.html`);
});
after(async () => {
  await browser?.close();
  await site?.stop();
});

test('a plain page', async () => {
  assert.deepEqual(await visit(browser, `${site.url}apps/plain/`), WELL);
});

/** How the module of a plain page was compiled, where it is served as this type. */
async function compiled(contentType) {
  const page = await browser.newPage();
  try {
    await page.addInitScript(() => {
      globalThis.ways = [];
      for (const way of ['instantiateStreaming', 'instantiate']) {
        const real = WebAssembly[way];
        WebAssembly[way] = async (...args) => {
          const done = await real.apply(WebAssembly, args);
          globalThis.ways.push(way);
          return done;
        };
      }
    });
    await page.route('**/*.wasm', async (route) =>
      route.fulfill({ response: await route.fetch(), contentType }),
    );
    await page.goto(`${site.url}apps/plain/`);
    const result = await page.waitForFunction(() => globalThis.result, null, { timeout: PATIENCE_MS });
    assert.deepEqual(await result.jsonValue(), WELL);
    return await page.evaluate(() => globalThis.ways);
  } finally {
    await page.close();
  }
}

test('the module is compiled while it arrives, and from its bytes where it is served as something else', async () => {
  assert.deepEqual(await compiled('application/wasm'), ['instantiateStreaming']);
  assert.deepEqual(await compiled('application/octet-stream'), ['instantiate']);
});

test('a worker', async () => {
  const answer = await page.evaluate(
    () =>
      new Promise((resolve, reject) => {
        const worker = new Worker('/apps/plain/worker.js', { type: 'module' });
        worker.onmessage = (event) => resolve(event.data);
        worker.onerror = (event) => reject(new Error(event.message));
        worker.postMessage('go');
      }),
  );
  assert.deepEqual(answer, WELL);
});

test('a service worker', async () => {
  const answer = await page.evaluate(async () => {
    const registration = await navigator.serviceWorker.register('/apps/plain/worker.js', { type: 'module' });
    await navigator.serviceWorker.ready;
    const answer = new Promise((resolve) => {
      navigator.serviceWorker.onmessage = (event) => resolve(event.data);
    });
    registration.active.postMessage('go');
    return answer;
  });
  assert.deepEqual(answer, WELL);
});

const stores = (name) => page.evaluate(async (name) => (await import('/apps/plain/stores.js'))[name](), name);

test('two stores of a page do not disturb each other', async () => {
  assert.deepEqual(await stores('two'), {
    closed: 'CLOSED',
    texts: 'other,again',
    followed: 'again',
    written: 'went well',
  });
});

test('`using` closes what it declared', async () => {
  assert.deepEqual(await stores('used'), {
    store: 'CLOSED',
    events: true,
    sync: 'stopped',
    kept: 'kept',
  });
});

test('a deletion that somebody holds up is called off', async () => {
  assert.equal(await stores('calledOff'), 'the user left');
});

test('without wasm-unsafe-eval the error says that the module was not loaded', async () => {
  const strictest = await serve(inside(), { 'content-security-policy': "default-src 'self'" });
  const page = await browser.newPage();
  try {
    await page.goto(`${strictest.url}apps/plain/`);
    const result = await page.waitForFunction(() => globalThis.result, null, { timeout: PATIENCE_MS });
    assert.match((await result.jsonValue()).error, /NotLoaded: the wasm module was not loaded/);
  } finally {
    await page.close();
    await strictest.stop();
  }
});
