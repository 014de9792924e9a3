// What an app does with a whole store: export, import, verify, count; and what it is told when it loses it.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { freshNames, loadPackage } from '../support/package-page.mjs';
import { inEachBrowser, nothingFailed, openPage } from '../support/pages.mjs';

const load = async (page) => {
  await loadPackage(page);
  await page.evaluate(() => {
    globalThis.write = async (store, commits) => {
      for (let commit = 0; commit < commits; commit += 1) {
        const events = Array.from({ length: 3 }, (_, index) => ({
          ...noted(`s-${(commit + index) % 5}`, { commit, index, text: 'ä€😀\n' }),
          metadata: { userId: 'u', custom: { a: [1, 2.5] } },
        }));
        await store.writeEvents(events);
      }
    };
    globalThis.all = async (store) => (await store.readAllEvents({ maxEvents: 100_000 })).events;
  });
};

inEachBrowser(
  '',
  (world) => {
    const name = freshNames('store');
    let page;
    before(() => {
      page = world.page;
    });

    test('an export is imported as it was, and again without a change', async () => {
      const seen = await page.evaluate(async (name) => {
        const [from, to] = await Promise.all([EventStore.open(name), EventStore.open(`${name}-copy`)]);
        await write(from, 500);
        const steps = [];
        const first = await to.import(from.export({ onProgress: (step) => steps.push(step) }));
        const again = await to.import(from.export());
        const same = JSON.stringify(await all(from)) === JSON.stringify(await all(to));
        const found = await to.verify();
        await Promise.all([from.close(), to.close()]);
        return { first, again, same, found, steps: steps.length, last: steps.at(-1) };
      }, name());
      assert.deepEqual(seen, {
        first: { commits: 500, events: 1500 },
        again: { commits: 500, events: 1500 },
        same: true,
        found: { events: 1500, pending: 0, streams: 5, damage: [] },
        steps: 2,
        last: { events: 1500, total: 1500 },
      });
    });

    test('an import that is cut off or aborted leaves whole commits, and is repeated', async () => {
      const seen = await page.evaluate(async (name) => {
        const [from, to] = await Promise.all([EventStore.open(name), EventStore.open(`${name}-copy`)]);
        await write(from, 300);
        const bytes = new Uint8Array(await new Response(from.export()).arrayBuffer());
        const whole = async () => {
          const sizes = Map.groupBy
            ? [...Map.groupBy(await all(to), (event) => event.commitId).values()].map(
                (events) => events.length,
              )
            : Object.values(
                (await all(to)).reduce((by, event) => {
                  by[event.commitId] = (by[event.commitId] ?? 0) + 1;
                  return by;
                }, {}),
              );
          return sizes.every((size) => size === 3);
        };
        const cut = await fails(to.import(new Response(bytes.slice(0, bytes.length / 2)).body));
        const afterCut = [(await all(to)).length > 0, (await all(to)).length < 900, await whole()];
        const abort = new AbortController();
        let heard;
        const source = new ReadableStream({
          pull(controller) {
            const at = heard ?? 0;
            heard = at + 20_000;
            controller.enqueue(bytes.slice(at, heard));
          },
          cancel: () => {
            heard = 'cancelled';
          },
        });
        const aborted = await fails(
          to.import(source, { signal: abort.signal, onProgress: () => abort.abort() }),
        );
        const afterAbort = [heard, await whole()];
        const { commits } = await to.import(new Response(bytes).body);
        const same = JSON.stringify(await all(from)) === JSON.stringify(await all(to));
        const foreign = await fails(to.import(new Response('{"format":"other"}\n').body));
        const ended = await fails(new Response(from.export({ signal: AbortSignal.abort() })).text());
        await Promise.all([from.close(), to.close()]);
        return { cut, afterCut, aborted, afterAbort, commits, same, foreign, ended };
      }, name());
      assert.deepEqual(seen, {
        cut: 'INVALID_REQUEST',
        afterCut: [true, true, true],
        aborted: seen.aborted,
        afterAbort: ['cancelled', true],
        commits: 300,
        same: true,
        foreign: 'INVALID_REQUEST',
        ended: seen.ended,
      });
      // `DOMException` has the old numeric code of an abort.
      assert.equal(seen.aborted, 20);
      assert.notEqual(seen.ended, 'nothing');
    });

    test('an import over other events is a conflict, and changes nothing', async () => {
      const seen = await page.evaluate(async (name) => {
        const [from, to] = await Promise.all([EventStore.open(name), EventStore.open(`${name}-copy`)]);
        await Promise.all([write(from, 1), write(to, 1)]);
        const before = JSON.stringify(await all(to));
        const conflict = await fails(to.import(from.export()));
        const same = before === JSON.stringify(await all(to));
        await Promise.all([from.close(), to.close()]);
        return [conflict, same];
      }, name());
      assert.deepEqual(seen, ['VERSION_CONFLICT', true]);
    });

    test('stores are counted, listed and deleted', async () => {
      const seen = await page.evaluate(async (name) => {
        const store = await EventStore.open(name);
        await write(store, 20);
        const stats = await store.stats();
        const before = await EventStore.list(name);
        await store.close();
        await EventStore.delete(name);
        const persisted = await EventStore.persist();
        return {
          stats,
          before,
          after: await EventStore.list(name),
          persisted,
          manager: 'storage' in navigator,
        };
      }, `only-${name()}`);
      const { bytesUsed, quota, persisted, ...stats } = seen.stats;
      assert.deepEqual(stats, { events: 60, pending: 0, streams: 5 });
      if (seen.manager) assert.ok(bytesUsed > 0 && quota > bytesUsed, `${bytesUsed} of ${quota}`);
      else assert.deepEqual([bytesUsed, quota, persisted], [null, null, null]);
      assert.equal(typeof seen.persisted, 'boolean');
      assert.deepEqual([seen.before, seen.after], [[`only-${name()}`], []]);
    });

    test('the app is told that it lost the store: to a deletion, an upgrade, or its own close', async () => {
      const other = await openPage(world.browser, world.site.url, load);
      await page.evaluate(async (name) => {
        globalThis.store = await EventStore.open(name);
        globalThis.lost = globalThis.store.closed().then((error) => [error.name, error.code]);
        globalThis.following = globalThis.store.subscribe();
        globalThis.ended = fails(globalThis.following.next());
      }, name());
      // Another app's version would upgrade it: the connection makes way at once.
      await other.evaluate(
        (name) =>
          new Promise((resolve, reject) => {
            const request = indexedDB.open(name, 1_000);
            request.onerror = () => reject(request.error);
            request.onsuccess = () => resolve(request.result.close());
          }),
        name(),
      );
      assert.deepEqual(await page.evaluate(() => globalThis.lost), ['Closed', 'CLOSED']);
      assert.equal(await page.evaluate(() => globalThis.ended), 'CLOSED');
      assert.equal(await page.evaluate((name) => fails(EventStore.open(name)), name()), 'SCHEMA_TOO_NEW');
      assert.deepEqual(
        await page.evaluate(async (name) => {
          const store = await EventStore.open(`${name}-own`);
          const closed = store.closed();
          await store.close();
          return (await closed).code;
        }, name()),
        'CLOSED',
      );
      await other.close();
    });

    test('nothing failed outside of the promises', () => nothingFailed(page));
  },
  { load },
);
