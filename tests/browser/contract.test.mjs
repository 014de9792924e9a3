// The laws of the store port, held over every local store, in every browser.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inEachBrowser, nothingFailed } from '../support/pages.mjs';

/** A law that hangs is a broken law. */
const LAW_MS = 120_000;

inEachBrowser('wasm/contract', (world) => {
  test('every law holds over every store', async (context) => {
    const { stores, laws } = await world.page.evaluate(() => ({
      stores: globalThis.module.stores(),
      laws: globalThis.module.laws(),
    }));
    assert.ok(laws.length > 0, 'there are laws');
    for (const store of stores) {
      for (const law of laws) {
        await context.test(`${store}: ${law.replaceAll('_', ' ')}`, { timeout: LAW_MS }, async () => {
          await world.page.evaluate(([store, law]) => globalThis.module.runLaw(store, law), [store, law]);
          await nothingFailed(world.page);
        });
      }
    }
  });

  test('at random, the log in IndexedDB does what the log in memory does', async (context) => {
    const first = Number(process.env.SEED ?? 1);
    for (let seed = first; seed < first + Number(process.env.SEEDS ?? 10); seed += 1) {
      await context.test(`seed ${seed}`, { timeout: LAW_MS }, async () => {
        await world.page.evaluate((seed) => globalThis.module.agreesWithMemory(seed, 200), seed);
        await nothingFailed(world.page);
      });
    }
  });
});
