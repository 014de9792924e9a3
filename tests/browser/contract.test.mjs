// The laws of the store port, held over every local store, in Chromium.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium } from '../../js/tools/chromium.mjs';
import { openPage } from '../support/pages.mjs';
import { startSite } from '../support/site.mjs';

/** A law that hangs is a broken law. */
const LAW_MS = 60_000;

let site;
let browser;
let page;

before(async () => {
  site = await startSite('wasm/contract');
  browser = await launchChromium();
  page = await openPage(await browser.newContext(), site.url);
});

after(async () => {
  await browser?.close();
  await site?.stop();
});

test('every law holds over every store', async (context) => {
  const { stores, laws } = await page.evaluate(() => ({
    stores: globalThis.module.stores(),
    laws: globalThis.module.laws(),
  }));
  assert.ok(laws.length > 0, 'there are laws');
  for (const store of stores) {
    for (const law of laws) {
      await context.test(`${store}: ${law.replaceAll('_', ' ')}`, { timeout: LAW_MS }, async () => {
        await page.evaluate(([store, law]) => globalThis.module.runLaw(store, law), [store, law]);
        assert.deepEqual(page.faults.splice(0), [], 'nothing fails outside of the promises');
      });
    }
  }
});

test('at random, the log in IndexedDB does what the log in memory does', async (context) => {
  const first = Number(process.env.SEED ?? 1);
  for (let seed = first; seed < first + Number(process.env.SEEDS ?? 10); seed += 1) {
    await context.test(`seed ${seed}`, { timeout: LAW_MS }, async () => {
      await page.evaluate((seed) => globalThis.module.agreesWithMemory(seed, 200), seed);
      assert.deepEqual(page.faults.splice(0), [], 'nothing fails outside of the promises');
    });
  }
});
