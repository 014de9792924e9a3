// Chromium empties every database of an origin where it finds its files damaged. It makes such damage itself: killed in
// the middle of a record of its log, it writes on behind the half of it, and cannot read that the next time (LevelDB's
// issue 1287). No store can help that, but an app must be told.

import assert from 'node:assert/strict';
import { appendFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { wantedBrowsers } from '../../js/tools/browsers.mjs';
import { freshProfile, launchChromiumProfile } from '../../js/tools/chromium.mjs';
import { loadPackage } from '../support/package-page.mjs';
import { openPage } from '../support/pages.mjs';
import { startSite } from '../support/site.mjs';

/** A record of LevelDB's log that ends with its head: a checksum, a length of 1,000, the kind of a whole one. */
const HALF_A_RECORD = Buffer.from([0, 0, 0, 0, 0xe8, 0x03, 1]);

/** Puts half a record at the end of the log in which the browser writes what is in IndexedDB. */
function tear(profile) {
  const top = path.join(profile, 'Default', 'IndexedDB');
  const folder = readdirSync(top).find((name) => name.endsWith('.leveldb'));
  const log = readdirSync(path.join(top, folder ?? '')).find((name) => name.endsWith('.log'));
  appendFileSync(path.join(top, folder ?? '', log ?? ''), HALF_A_RECORD);
}

if (wantedBrowsers().includes('chromium')) {
  test('Chromium: an app is told that the browser has emptied its databases, and goes on anew', async () => {
    const site = await startSite('');
    const profile = freshProfile();
    /** Opens the store, reads and writes, and is killed. */
    const visit = async () => {
      const browser = await launchChromiumProfile(profile.userDataDir);
      try {
        const page = await openPage(browser, site.url, loadPackage);
        return await page.evaluate(async () => {
          const told = [];
          const onDataLoss = (message) => told.push(message);
          const store = await globalThis.EventStore.open('torn', { onDataLoss });
          const { head } = await store.readAllEvents();
          await store.writeEvents([globalThis.noted('s', { text: 'here' })]);
          return { head, told };
        });
      } finally {
        await browser.kill();
      }
    };
    try {
      assert.deepEqual(await visit(), { head: 0, told: [] });
      tear(profile.userDataDir);
      assert.deepEqual(await visit(), { head: 1, told: [] }, 'what is torn is left out');
      const { head, told } = await visit();
      assert.equal(head, 0);
      assert.match(told.join(), /corrupt/);
      assert.deepEqual(await visit(), { head: 1, told: [] });
    } finally {
      profile.remove();
      await site.stop();
    }
  });
}
