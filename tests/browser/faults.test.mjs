// Faults of the browser and its storage: killed in the middle of a write, reloaded, out of room, several tabs.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BROWSERS, wantedBrowsers } from '../../js/tools/browsers.mjs';
import { freshProfile, launchChromiumProfile } from '../../js/tools/chromium.mjs';
import { launchBrowser } from '../../js/tools/drivers.mjs';
import { openPage } from '../support/pages.mjs';
import { startSite } from '../support/site.mjs';

/** How often the browser is killed. */
const KILLS = Number(process.env.KILLS ?? 8);
const EVENTS = 3;

const load = (page) =>
  page.evaluate(async () => {
    globalThis.EventStore = (await import('/index.js')).EventStore;
  });

/** Writes commits without end, and tells the site of each that was acknowledged. */
const writeOn = (page, run) =>
  page.evaluate(
    async ([run, of]) => {
      const store = await EventStore.open('killed', { durability: 'strict' });
      const write = async (commit) => {
        const events = Array.from({ length: of }, (_, index) => ({
          streamId: `s-${(commit + index) % 7}`,
          type: 'Noted',
          payload: { run, commit, index, text: 'x'.repeat(commit % 500) },
          expectedVersion: 'noCheck',
        }));
        const { commitId } = await store.writeEvents(events);
        await fetch('/heard', { method: 'POST', body: commitId });
      };
      // Several at a time, so that a transaction holds more than one commit.
      for (let lane = 0; lane < 4; lane += 1) {
        const next = (commit) => write(commit).then(() => next(commit + 4));
        next(lane);
      }
    },
    [run, EVENTS],
  );

/** What the store holds: each commit with its events, and what a walk through the log finds. */
const holds = (page) =>
  page.evaluate(async () => {
    const store = await EventStore.open('killed');
    const { damage, events } = await store.verify();
    const commits = {};
    for (let after = 0, complete = false; !complete; ) {
      const page = await store.readAllEvents({ after, maxEvents: 10_000 });
      for (const { commitId } of page.events) commits[commitId] = (commits[commitId] ?? 0) + 1;
      ({ cursor: after, complete } = page);
    }
    await store.close();
    return { damage, events, commits };
  });

if (wantedBrowsers().includes('chromium')) {
  test('Chromium, killed while it writes, keeps what it acknowledged, whole', async () => {
    const site = await startSite('');
    const profile = freshProfile();
    let browser;
    try {
      for (let kill = 0; kill <= KILLS; kill += 1) {
        browser = await launchChromiumProfile(profile.userDataDir);
        const page = await openPage(browser, site.url, load);
        const { damage, commits } = await holds(page);
        assert.deepEqual(damage, []);
        for (const size of Object.values(commits)) assert.equal(size, EVENTS, 'no commit is partial');
        const lost = site.heard.filter((commitId) => !commits[commitId]);
        assert.deepEqual(lost, [], `after kill ${kill}: ${site.heard.length} were acknowledged`);
        if (kill === KILLS) break;
        const before = site.heard.length;
        await writeOn(page, kill);
        // At any moment once it is writing.
        await site.hears(before + 1 + Math.floor(Math.random() * 150));
        await browser.kill();
        browser = undefined;
      }
      assert.ok(site.heard.length > KILLS, 'something was acknowledged');
    } finally {
      await browser?.close();
      await site.stop();
      profile.remove();
    }
  });

  test('out of room, a write says so, what is there stays readable, and with room writing goes on', async () => {
    const site = await startSite('');
    const browser = await launchBrowser('chromium');
    try {
      const page = await openPage(browser, site.url, load);
      const session = await page.context().newCDPSession(page);
      const quota = (quotaSize) =>
        session.send('Storage.overrideQuotaForOrigin', {
          origin: new URL(site.url).origin,
          ...(quotaSize && { quotaSize }),
        });
      await quota(4_000_000);
      const full = await page.evaluate(async () => {
        globalThis.store = await EventStore.open('full');
        globalThis.fill = async (limit) => {
          let written = 0;
          try {
            for (; written < limit; written += 1) {
              const text = Array.from(crypto.getRandomValues(new Uint32Array(10_000))).join();
              const event = { streamId: 's', type: 'Noted', payload: { text }, expectedVersion: 'noCheck' };
              await globalThis.store.writeEvents([event]);
            }
          } catch (error) {
            return { written, code: error.code, name: error.name };
          }
          return { written };
        };
        return globalThis.fill(1_000);
      });
      assert.equal(full.code, 'QUOTA_EXCEEDED', JSON.stringify(full));
      assert.equal(full.name, 'QuotaExceeded');
      assert.ok(full.written > 5);
      const { events, damage } = await page.evaluate(() => globalThis.store.verify());
      assert.deepEqual([events, damage], [full.written, []]);
      await quota(0);
      assert.deepEqual(await page.evaluate(() => globalThis.fill(20)), { written: 20 });
      assert.equal((await page.evaluate(() => globalThis.store.verify())).events, full.written + 20);
    } finally {
      await browser.close();
      await site.stop();
    }
  });
}

for (const name of wantedBrowsers()) {
  test(`${BROWSERS[name].title}: a page that is reloaded in the middle of writing leaves whole commits and no lock`, async () => {
    const site = await startSite('');
    const browser = await launchBrowser(name);
    try {
      const [page, other] = [
        await openPage(browser, site.url, load),
        await openPage(browser, site.url, load),
      ];
      for (let reload = 0; reload < 3; reload += 1) {
        const before = site.heard.length;
        await writeOn(page, reload);
        await site.hears(before + 5);
        await page.reload();
        await load(page);
        // The other page is not kept waiting, and sees all that the lost one was told.
        const { damage, commits } = await holds(other);
        assert.deepEqual(damage, []);
        for (const size of Object.values(commits)) assert.equal(size, EVENTS);
        assert.deepEqual(
          site.heard.filter((commitId) => !commits[commitId]),
          [],
        );
      }
    } finally {
      await browser.close();
      await site.stop();
    }
  });
}
