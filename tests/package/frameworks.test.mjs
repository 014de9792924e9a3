// Svelte, Vue and Solid take what the package lets them follow as it is: the guide's own components, compiled by Vite
// over the packed package.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { components } from './chapters.mjs';
import { lookedAt, PATIENCE_MS } from './pages.mjs';
import { inside, tool, write } from './project.mjs';

const looked = lookedAt(async () => {
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
  return { folder: inside('apps/frameworks/dist'), ready: () => globalThis.SHOW };
});

/** Waits until the component shows so many items, and the state of the sync. */
const shows = (count, state) =>
  looked.holds(
    ([count, state]) => {
      const list = document.querySelector('#root ul');
      return list?.title === state && list.querySelectorAll('li').length === count;
    },
    [count, state],
    `${count} items, ${state}`,
  );

/** Adds an item to the order, and answers how many it has. */
const add = () =>
  looked.page.evaluate(async () => {
    const { versions } = await globalThis.store.writeEvents([
      { streamId: 'a', type: 'OrderPlaced', payload: { item: 'tea' }, expectedVersion: 'noCheck' },
    ]);
    return versions.a;
  });

for (const name of ['svelte', 'vue', 'solid']) {
  describe(name, () => {
    test('a component shows the store and its sync, and what changes', async () => {
      const count = await add();
      await looked.page.evaluate((name) => {
        globalThis.hide = globalThis.SHOW[name]();
      }, name);
      await shows(count, 'offline');
      await add();
      await shows(count + 1, 'offline');
      await looked.page.waitForFunction(() => globalThis.followers() === 1, null, { timeout: PATIENCE_MS });
    });

    test('nothing is followed once it is gone', async () => {
      await looked.page.evaluate(() => globalThis.hide());
      await looked.page.waitForFunction(() => globalThis.followers() === 0, null, { timeout: PATIENCE_MS });
      assert.deepEqual(looked.faults, []);
    });
  });
}
