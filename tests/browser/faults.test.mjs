// Faults of the storage: out of room, denied, transactions that are aborted, connections that are closed.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { wantedBrowsers } from '../../js/tools/browsers.mjs';
import { launchBrowser } from '../../js/tools/drivers.mjs';
import { launchFirefox } from '../../js/tools/firefox.mjs';
import { inEachBrowser, nothingFailed, openPage } from '../support/pages.mjs';
import { startSite } from '../support/site.mjs';

/** What hangs is broken. */
const TIMEOUT = { timeout: 300_000 };

const load = (page) =>
  page.evaluate(async () => {
    globalThis.EventStore = (await import('/index.js')).EventStore;
    globalThis.noted = (streamId, payload = {}, expectedVersion = 'noCheck') => ({
      ...{ streamId, type: 'Noted', payload, expectedVersion },
    });
    globalThis.fails = (work) =>
      work.then(
        () => 'nothing',
        (error) => `${error.name} ${error.code}`,
      );
    /** Writes large events until there is no room, or so many are written. */
    globalThis.fill = async (store, limit) => {
      for (let written = 0; written < limit; written += 1) {
        const text = Array.from(crypto.getRandomValues(new Uint32Array(10_000))).join();
        const failed = await globalThis.fails(store.writeEvents([globalThis.noted('s', { text })]));
        if (failed !== 'nothing') return { written, failed };
      }
      return { written: limit };
    };
  });

/** Fills a store until there is no room; what is there stays readable. */
const fillUp = async (page) => {
  const full = await page.evaluate(async () => {
    globalThis.store = await globalThis.EventStore.open('full');
    const full = await globalThis.fill(globalThis.store, 2_000);
    return { ...full, ...(await globalThis.store.verify()) };
  });
  assert.equal(full.failed, 'QuotaExceeded QUOTA_EXCEEDED');
  assert.ok(full.written > 5, `${full.written} were written`);
  assert.deepEqual([full.events, full.damage], [full.written, []]);
  return full.written;
};

/** With room writing goes on. */
const fillOn = async (page, written) => {
  assert.deepEqual(await page.evaluate(() => globalThis.fill(globalThis.store, 10)), { written: 10 });
  assert.equal((await page.evaluate(() => globalThis.store.verify())).events, written + 10);
};

const OUT_OF_ROOM =
  'out of room, a write says so, what is there stays readable, and with room writing goes on';

if (wantedBrowsers().includes('chromium')) {
  test(`Chromium: ${OUT_OF_ROOM}`, TIMEOUT, async () => {
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
      const written = await fillUp(page);
      await quota(0);
      await fillOn(page, written);
    } finally {
      await browser.close();
      await site.stop();
    }
  });
}

if (wantedBrowsers().includes('firefox')) {
  test(`Firefox: ${OUT_OF_ROOM}`, TIMEOUT, async () => {
    const site = await startSite('');
    // In kilobytes; a site may have a part of it.
    const browser = await launchFirefox({ 'dom.quotaManager.temporaryStorage.fixedLimit': 20_000 });
    try {
      const page = await openPage(browser, site.url, load);
      await page.evaluate(async () => {
        globalThis.ballast = await globalThis.EventStore.open('ballast');
        await globalThis.fill(globalThis.ballast, 30);
        await globalThis.ballast.close();
      });
      const written = await fillUp(page);
      await page.evaluate(() => globalThis.EventStore.delete('ballast'));
      await fillOn(page, written);
    } finally {
      await browser.close();
      await site.stop();
    }
  });
}

inEachBrowser(
  '',
  (world) => {
    let count = 0;
    let name;
    beforeEach(() => {
      count += 1;
      name = `fault-${count}`;
    });

    test(
      'a transaction that is aborted from outside leaves nothing, says so, and the next write works',
      TIMEOUT,
      async () => {
        const seen = await world.page.evaluate(async (name) => {
          const { EventStore, noted, fails } = globalThis;
          const store = await EventStore.open(name);
          await store.writeEvents([noted('before')]);
          // More than a record holds, so that there is a half that could be left.
          const many = (round) =>
            Array.from({ length: 300 }, (_, index) => noted(`s-${index % 3}`, { round, index }));
          const abort = (transaction) => {
            try {
              transaction.abort();
            } catch {
              // It was over before.
            }
          };
          const { add, put } = IDBObjectStore.prototype;
          const moments = {
            'with a request': (transaction) => abort(transaction),
            'after a turn': (transaction) => setTimeout(() => abort(transaction)),
            'when a request is done': (transaction, request) =>
              request.addEventListener('success', () => abort(transaction)),
          };
          /** How a write ends, where so many of its requests are interfered with. */
          const interfered = async (moment, act, times) => {
            let left = times;
            const interfere = (original) =>
              function (...args) {
                const request = original.apply(this, args);
                if (left > 0) {
                  left -= 1;
                  act(this.transaction, request);
                }
                return request;
              };
            IDBObjectStore.prototype.add = interfere(add);
            IDBObjectStore.prototype.put = interfere(put);
            const failed = await fails(store.writeEvents(many(`${moment} ${times}`)));
            Object.assign(IDBObjectStore.prototype, { add, put });
            return failed;
          };
          const [once, always] = [[], []];
          for (const [moment, act] of Object.entries(moments)) {
            once.push(await interfered(moment, act, 1));
            always.push(await interfered(moment, act, Number.POSITIVE_INFINITY));
          }
          const written = await store.writeEvents(many('at last'));
          const { events, damage } = await store.verify();
          const commits = new Set(
            (await store.readAllEvents({ maxEvents: 10_000 })).events.map((event) => event.commitId),
          );
          await store.close();
          return { once, always, damage, events, last: written.positions.last, commits: commits.size };
        }, name);
        // What is aborted once is tried again.
        assert.deepEqual(seen.once, ['nothing', 'nothing', 'nothing']);
        // A transaction may have been over before it could be aborted: then it is there, whole.
        const done = 3 + seen.always.filter((failed) => failed === 'nothing').length;
        const aborted = seen.always.filter((failed) => failed !== 'nothing');
        assert.equal(seen.always[0], 'StorageUnavailable STORAGE_UNAVAILABLE');
        for (const failed of aborted) assert.equal(failed, 'StorageUnavailable STORAGE_UNAVAILABLE');
        assert.deepEqual(seen.damage, []);
        assert.deepEqual(
          [seen.events, seen.last, seen.commits],
          [301 + done * 300, 301 + done * 300, 2 + done],
        );
      },
    );

    test('where the browser denies storage the answer is STORAGE_UNAVAILABLE', TIMEOUT, async () => {
      const denied = await world.page.evaluate(async () => {
        const frame = document.createElement('iframe');
        // Without an origin there is no storage: as where a person blocks third parties' data.
        frame.sandbox = 'allow-scripts';
        frame.srcdoc = `<script type="module">
          import { EventStore } from '${location.origin}/index.js';
          const outcome = (work) => work.then(() => 'nothing', (error) => error.name + ' ' + error.code);
          const memory = async () => (await EventStore.open('m', { storage: 'memory' })).close();
          parent.postMessage(
            { denied: await Promise.all([EventStore.open('s'), EventStore.delete('s'), EventStore.list(), memory()].map(outcome)) },
            '*',
          );
        </script>`;
        const answer = new Promise((resolve) => {
          addEventListener('message', ({ data }) => data.denied && resolve(data.denied));
        });
        document.body.append(frame);
        const denied = await answer;
        frame.remove();
        return denied;
      });
      const unavailable = 'StorageUnavailable STORAGE_UNAVAILABLE';
      assert.deepEqual(denied, [unavailable, unavailable, unavailable, 'nothing']);
    });

    test('nothing failed outside of the promises', () => nothingFailed(world.page));
  },
  { load },
);
