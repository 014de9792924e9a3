// The hooks in a real page: React in strict mode, bundled from the packed package.

import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { test } from 'node:test';
import { lookedAt } from './pages.mjs';
import { inside, tool, write } from './project.mjs';

const looked = lookedAt(async () => {
  const esbuild = await tool('esbuild');
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
  return { folder: inside('apps/react/out'), path: 'app/' };
});

/** Waits until the page shows these texts of a stream. */
const shows = (streamId, texts) =>
  looked.holds(
    ([selector, texts]) =>
      Object.entries(texts).every(
        ([name, text]) => document.querySelector(`${selector} .${name}`)?.textContent === text,
      ),
    [`#${streamId}`, texts],
    JSON.stringify(texts),
  );

const deposit = (streamId, amount) =>
  looked.page.evaluate(
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
  await looked.page.evaluate(() => globalThis.setShown(['a', 'b']));
  await shows('b', { stream: '1: 1', total: '3' });
  const before = await looked.page.evaluate(() => globalThis.renderings);
  // Reading changes nothing, so nothing is rendered; what is written afterwards is.
  await looked.page.evaluate(() => globalThis.store.readAllEvents());
  assert.equal(await looked.page.evaluate(() => globalThis.renderings), before);
  for (let number = 0; number < 20; number += 1) await deposit('b', 1);
  await shows('b', { stream: '21: 21', total: '23' });
  await shows('a', { stream: '1: 1', total: '23' });
  assert.ok(
    (await looked.page.evaluate(() => globalThis.renderings)) < before + 400,
    'renderings are bounded',
  );
});

test('a sync is shown, and what waits for it', async () => {
  // Nobody listens there.
  await looked.page.evaluate(() => {
    globalThis.setSync(globalThis.store.sync({ url: 'http://127.0.0.1:9', space: 's' }));
  });
  await shows('a', { sync: 'offline' });
  await deposit('a', 10);
  await shows('a', { stream: '2: 2' });
  assert.deepEqual(looked.faults, []);
});

test('a closed store is an error that is shown', async () => {
  await looked.page.evaluate(() => globalThis.store.close());
  await looked.holds(
    () => /closed/i.test(document.querySelector('#a .error')?.textContent ?? ''),
    null,
    'an error',
  );
});
