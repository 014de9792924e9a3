// Databases of older schemas: they are upgraded whole, by whoever opens them, killed half-way or not; and their
// small records become large ones, killed half-way or not.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wantedBrowsers } from '../../js/tools/browsers.mjs';
import { freshProfile, launchChromiumProfile } from '../../js/tools/chromium.mjs';
import { inEachBrowser, nothingFailed, openPage } from '../support/pages.mjs';
import { fillSchema1 } from '../support/schema-1.mjs';
import { startSite } from '../support/site.mjs';

/** How often a browser is killed during upgrade and compaction. */
const KILLS = Number(process.env.UPGRADE_KILLS ?? 4);
const EVENTS = 700;

const load = (page) =>
  page.evaluate(async () => {
    globalThis.EventStore = (await import('/index.js')).EventStore;
    globalThis.connect = (name) =>
      new Promise((resolve, reject) => {
        const request = indexedDB.open(name);
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
    /** How many records the log has, and the database's version. */
    globalThis.shape = async (name) => {
      const database = await globalThis.connect(name);
      const log = database.transaction('log').objectStore('log');
      const count = await new Promise((resolve, reject) => {
        const request = log.count();
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
      const { version } = database;
      database.close();
      return { version, records: count };
    };
    /** All that a store answers, in every way that a record is found by. */
    globalThis.contents = async (store) => {
      const { events, head, complete } = await store.readAllEvents({ maxEvents: 10_000 });
      const backwards = await store.readAllEvents({ maxEvents: 10_000, backwards: true });
      const streams = await store.readStreams(['s-0', 's-1', 's-2']);
      const behind = await store.readAllEvents({ after: events[100].id, maxEvents: 5 });
      const { damage } = await store.verify();
      return {
        head,
        complete,
        damage,
        versions: streams.map(({ version, events }) => [version, events.length]),
        numbers: events.map(({ position, payload }) => [position, payload.number]),
        mirrored: JSON.stringify(backwards.events.reverse()) === JSON.stringify(events),
        behind: behind.events.map(({ position }) => position),
      };
    };
    globalThis.compacted = async (name, records) => {
      while ((await globalThis.shape(name)).records > records) await new Promise((go) => setTimeout(go, 100));
    };
  });

const expected = {
  head: EVENTS,
  complete: true,
  damage: [],
  versions: [0, 1, 2].map((stream) => Array(2).fill(Math.ceil((EVENTS - stream) / 3))),
  numbers: Array.from({ length: EVENTS }, (_, index) => [index + 1, index]),
  mirrored: true,
  behind: [102, 103, 104, 105, 106],
};

inEachBrowser(
  '',
  (world) => {
    test('a database of schema 1 is upgraded, written to, synced from, and compacted while idle', async () => {
      const { page } = world;
      await page.evaluate(fillSchema1, { name: 'old', events: EVENTS });
      assert.deepEqual(await page.evaluate(() => shape('old')), { version: 1, records: EVENTS });
      const seen = await page.evaluate(async () => {
        globalThis.store = await EventStore.open('old');
        return { before: await contents(globalThis.store), shape: await shape('old') };
      });
      assert.deepEqual(seen.before, expected);
      assert.ok(seen.shape.version > 1);
      // 700 events in records of at most 256.
      await page.evaluate(() => compacted('old', 3));
      const after = await page.evaluate(async () => {
        const contents = await globalThis.contents(globalThis.store);
        const event = { streamId: 's-0', type: 'Noted', payload: { number: 700 }, expectedVersion: 234 };
        const { positions, versions } = await globalThis.store.writeEvents([event]);
        await globalThis.store.close();
        return { contents, positions, versions };
      });
      assert.deepEqual(after.contents, expected);
      assert.deepEqual([after.positions, after.versions], [{ first: 701, last: 701 }, { 's-0': 235 }]);
    });

    test('an outbox of schema 1 is pushed as it was, and what was never synced moves to one', async () => {
      const { page } = world;
      await page.evaluate(fillSchema1, { name: 'never-synced', events: 10 });
      const seen = await page.evaluate(async () => {
        const store = await EventStore.open('never-synced');
        // An endpoint that is never there: what counts is what waits for it.
        const sync = store.sync({ url: 'http://127.0.0.1:9', space: 'team' });
        const change = new Promise((resolve) => {
          const look = () => sync.status.pendingEvents === 10 && resolve(sync.status.pendingEvents);
          sync.subscribe(look);
          look();
        });
        const pending = await change;
        const { events } = await store.readAllEvents();
        sync.stop();
        await store.close();
        return { pending, places: events.map(({ position, payload }) => [position, payload.number]) };
      });
      assert.equal(seen.pending, 10);
      assert.deepEqual(
        seen.places,
        Array.from({ length: 10 }, (_, index) => [null, index]),
      );
    });

    test('nothing failed outside of the promises', () => nothingFailed(world.page));
  },
  { load },
);

if (wantedBrowsers().includes('chromium')) {
  test('Chromium, killed while it upgrades or compacts, has the database as it was or as it will be', async () => {
    const site = await startSite('');
    const profile = freshProfile();
    let browser;
    try {
      browser = await launchChromiumProfile(profile.userDataDir);
      let page = await openPage(browser, site.url, load);
      await page.evaluate(fillSchema1, { name: 'old', events: EVENTS });
      await browser.close();
      for (let kill = 0; kill < KILLS; kill += 1) {
        browser = await launchChromiumProfile(profile.userDataDir);
        page = await openPage(browser, site.url, load);
        // Some die in the upgrade, or around it, others in a compaction, which begins a tenth of a second after it.
        const pause = kill % 2 === 0 ? Math.random() * 40 : 100 + Math.random() * 120;
        await page.evaluate((pause) => {
          globalThis.opening = EventStore.open('old').then(() => new Promise((go) => setTimeout(go, 1_000)));
          return new Promise((go) => setTimeout(go, pause));
        }, pause);
        await browser.kill();
      }
      browser = await launchChromiumProfile(profile.userDataDir);
      page = await openPage(browser, site.url, load);
      const open = () =>
        page.evaluate(async () => {
          const store = await EventStore.open('old');
          const contents = await globalThis.contents(store);
          await compacted('old', 3);
          return [contents, await globalThis.contents(store)];
        });
      assert.deepEqual(await open(), [expected, expected]);
    } finally {
      await browser?.close();
      await site.stop();
      profile.remove();
    }
  });
}
