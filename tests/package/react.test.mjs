// The hooks in a real page: React in strict mode, bundled from the packed package.

import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { launchChromium } from '../../js/tools/chromium.mjs';
import { inside, install, write } from './project.mjs';
import { serve } from './serve.mjs';

let browser;
let site;
let page;
const faults = [];

before(async () => {
  await install();
  const esbuild = await import(pathToFileURL(createRequire(inside('package.json')).resolve('esbuild')).href);
  await esbuild.build({
    entryPoints: [inside('apps/react/main.jsx')],
    bundle: true,
    format: 'esm',
    jsx: 'automatic',
    // Strict mode is a thing of development.
    define: { 'process.env.NODE_ENV': '"development"' },
    outfile: inside('apps/react/out/app/main.js'),
    logLevel: 'error',
  });
  write(
    'apps/react/out/app/index.html',
    '<!doctype html><link rel="icon" href="data:,"><div id="root"></div><script type="module" src="main.js"></script>',
  );
  // Where the code looks for it.
  cpSync(inside('node_modules/eventcore-web/dist/wasm'), inside('apps/react/out/wasm'), { recursive: true });
  site = await serve(inside('apps/react/out'));
  browser = await launchChromium();
  page = await browser.newPage();
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
  await page.goto(`${site.url}app/`);
});
after(async () => {
  await browser?.close();
  await site?.stop();
});

/** Waits until the page shows these texts of a stream. */
async function shows(streamId, texts) {
  const selector = `#${streamId}`;
  await page
    .waitForFunction(
      ([selector, texts]) =>
        Object.entries(texts).every(
          ([name, text]) => document.querySelector(`${selector} .${name}`)?.textContent === text,
        ),
      [selector, texts],
      { timeout: 60_000 },
    )
    .catch(async (error) => {
      const shown = await page.textContent('#root');
      throw new Error(`expected ${JSON.stringify(texts)}, the page shows ${shown}; ${faults}`, {
        cause: error,
      });
    });
}

const deposit = (streamId, amount) =>
  page.evaluate(
    ([streamId, amount]) =>
      globalThis.store.writeEvents([
        { streamId, type: 'Deposited', payload: { amount }, expectedVersion: 'noCheck' },
      ]),
    [streamId, amount],
  );

test('hooks follow the store, and render only when something changed', async () => {
  await shows('a', { stream: '0: 0', total: '0', sync: 'none', error: '' });
  await deposit('a', 1);
  await deposit('b', 2);
  await shows('a', { stream: '1: 1', total: '3', pending: '0' });
  await page.evaluate(() => globalThis.setShown(['a', 'b']));
  await shows('b', { stream: '1: 1', total: '3' });
  const before = await page.evaluate(() => globalThis.renderings);
  // Reading changes nothing, so nothing is rendered; what is written afterwards is.
  await page.evaluate(() => globalThis.store.readAllEvents());
  assert.equal(await page.evaluate(() => globalThis.renderings), before);
  for (let number = 0; number < 20; number += 1) await deposit('b', 1);
  await shows('b', { stream: '21: 21', total: '23' });
  await shows('a', { stream: '1: 1', total: '23' });
  assert.ok((await page.evaluate(() => globalThis.renderings)) < before + 400, 'renderings are bounded');
});

test('a sync is shown, and what waits for it', async () => {
  // Nobody listens there.
  await page.evaluate(() => {
    globalThis.setSync(globalThis.store.sync({ url: 'http://127.0.0.1:9', space: 's' }));
  });
  await shows('a', { sync: 'offline' });
  await deposit('a', 10);
  await shows('a', { stream: '2: 2' });
  assert.deepEqual(
    faults.filter((fault) => !/net::ERR_/.test(fault)),
    [],
  );
});

test('a closed store is an error that is shown', async () => {
  await page.evaluate(() => globalThis.store.close());
  await page.waitForFunction(
    () => /closed/i.test(document.querySelector('#a .error')?.textContent ?? ''),
    null,
    {
      timeout: 60_000,
    },
  );
});
