// Svelte, Vue and Solid take what the package lets them follow as it is: the guide's own components, compiled by Vite
// over the packed package.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launchChromium } from '../../js/tools/chromium.mjs';
import { components } from './chapters.mjs';
import { PATIENCE_MS } from './pages.mjs';
import { inside, install, tool, write } from './project.mjs';
import { serve } from './serve.mjs';

let browser;
let site;
let page;
const faults = [];

before(async () => {
  await install();
  const languages = ['svelte', 'vue', 'jsx'];
  for (const [at, code] of components('react', languages).entries()) {
    write(`apps/frameworks/Order.${languages[at]}`, code);
  }
  // One after the other: some are loaded by others that are no ES modules.
  const vite = await tool('vite');
  const { svelte } = await tool('@sveltejs/vite-plugin-svelte');
  const { default: vue } = await tool('@vitejs/plugin-vue');
  const { default: solid } = await tool('vite-plugin-solid');
  await vite.build({
    root: inside('apps/frameworks'),
    configFile: false,
    logLevel: 'error',
    plugins: [svelte({ configFile: false }), vue(), solid()],
    build: { target: 'es2022', emptyOutDir: true },
  });
  site = await serve(inside('apps/frameworks/dist'));
  browser = await launchChromium();
  page = await browser.newPage();
  page.on('pageerror', (error) => faults.push(error.message));
  await page.goto(site.url);
  await page.waitForFunction(() => globalThis.SHOW, null, { timeout: PATIENCE_MS });
});
after(async () => {
  await browser?.close();
  await site?.stop();
});

/** Waits until the component shows so many items, and the state of the sync. */
async function shows(count, state) {
  const held = page.waitForFunction(
    ([count, state]) => {
      const list = document.querySelector('#root ul');
      return list?.title === state && list.querySelectorAll('li').length === count;
    },
    [count, state],
    { timeout: PATIENCE_MS },
  );
  await held.catch(async (error) => {
    const shown = await page.innerHTML('#root');
    throw new Error(`expected ${count} items, ${state}; there is ${shown}; ${faults}`, { cause: error });
  });
}

/** Adds an item to the order, and answers how many it has. */
const add = () =>
  page.evaluate(async () => {
    const { versions } = await globalThis.store.writeEvents([
      { streamId: 'a', type: 'OrderPlaced', payload: { item: 'tea' }, expectedVersion: 'noCheck' },
    ]);
    return versions.a;
  });

for (const name of ['svelte', 'vue', 'solid']) {
  describe(name, () => {
    test('a component shows the store and its sync, and what changes', async () => {
      const count = await add();
      await page.evaluate((name) => {
        globalThis.hide = globalThis.SHOW[name]();
      }, name);
      await shows(count, 'offline');
      await add();
      await shows(count + 1, 'offline');
      await page.waitForFunction(() => globalThis.followers() === 1, null, { timeout: PATIENCE_MS });
    });

    test('nothing is followed once it is gone', async () => {
      await page.evaluate(() => globalThis.hide());
      await page.waitForFunction(() => globalThis.followers() === 0, null, { timeout: PATIENCE_MS });
      assert.deepEqual(faults, []);
    });
  });
}
