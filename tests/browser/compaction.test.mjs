// Commits too large for the tail and smaller than a record: once nobody writes, their records become large ones.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { freshNames, loadPackage } from '../support/package-page.mjs';
import { inEachBrowser, nothingFailed, openPage } from '../support/pages.mjs';

const load = async (page) => {
  await loadPackage(page);
  await page.evaluate(() => {
    /** The positions of the log's records, each that of its first event. */
    globalThis.records = (name) =>
      new Promise((resolve, reject) => {
        const request = indexedDB.open(name);
        request.onerror = () => reject(request.error);
        request.onsuccess = () => {
          const database = request.result;
          const keys = database.transaction('log').objectStore('log').getAllKeys();
          keys.onerror = () => reject(keys.error);
          keys.onsuccess = () => {
            database.close();
            resolve(keys.result);
          };
        };
      });
    /** Waits until the last records of a log of so many events are large; answers with the lengths of all. */
    globalThis.compacted = async (name, events) => {
      for (;;) {
        const keys = await globalThis.records(name);
        const lengths = keys.map((key, index) => (keys[index + 1] ?? events + 1) - key);
        const isSmall = (length) => length < 128;
        if (!isSmall(lengths.at(-1)) || !isSmall(lengths.at(-2))) return lengths;
        await new Promise((go) => setTimeout(go, 20));
      }
    };
    /** A commit of so many events of a stream, which is expected to be at a version. */
    globalThis.append = (store, stream, commit, size, version) => {
      const event = (index) => noted(stream, { stream, commit, index, text: 'ä€😀\n' }, version + index);
      return store.writeEvents(Array.from({ length: size }, (_, index) => event(index)));
    };
    /** All that a store answers, in every way that a record is found by. */
    globalThis.contents = async (store, streams) => {
      const { events, head, complete } = await store.readAllEvents({ maxEvents: 100_000 });
      const backwards = await store.readAllEvents({ maxEvents: 100_000, backwards: true });
      const read = await store.readStreams(streams);
      const middle = await store.readStreams(streams, { fromVersion: 90, maxEvents: 20 });
      const behind = await store.readAllEvents({
        after: events[Math.floor(events.length / 2)].id,
        maxEvents: 3,
      });
      const { damage } = await store.verify();
      return {
        ...{ head, complete, damage },
        feed: events.map(({ id, position, streamId, version }) => [id, position, streamId, version]),
        mirrored: JSON.stringify(backwards.events.reverse()) === JSON.stringify(events),
        streams: read.map(({ version, events }) => [version, events.map(({ id }) => id)]),
        middle: middle.map(({ events }) => events.map(({ version }) => version)),
        behind: behind.events.map(({ position }) => position),
      };
    };
  });
};

inEachBrowser(
  '',
  (world) => {
    const name = freshNames('compaction');
    let page;
    before(() => {
      page = world.page;
    });

    test('they are found as before, by the one that wrote them and by another', async () => {
      const seen = await page.evaluate(async (name) => {
        const [store, other] = await Promise.all([EventStore.open(name), EventStore.open(name)]);
        const streams = ['a', 'b', 'c'];
        // Commits of 100 by turns: while they are written nothing is compacted.
        for (let commit = 0; commit < 12; commit += 1) {
          await append(store, streams[commit % 3], commit, 100, Math.floor(commit / 3) * 100);
        }
        const before = await contents(store, streams);
        const lengths = await compacted(name, 1_200);
        const after = await contents(store, streams);
        const elsewhere = await contents(other, streams);
        // Versions and positions go on.
        const more = await append(other, 'a', 12, 2, 400);
        const stale = await fails(append(store, 'a', 13, 2, 400));
        await Promise.all([store.close(), other.close()]);
        const again = await EventStore.open(name);
        const { events, version } = await again.readStream('a', { fromVersion: 399 });
        await again.close();
        const last = [version, events.map(({ position }) => position)];
        return { before, after, elsewhere, lengths, more: more.positions, stale, last };
      }, name());
      assert.deepEqual(seen.after, seen.before);
      assert.deepEqual(seen.elsewhere, seen.before);
      assert.equal(seen.before.feed.length, 1_200);
      assert.deepEqual(seen.before.damage, []);
      assert.ok(seen.lengths.length <= 7 && Math.max(...seen.lengths) <= 256, `${seen.lengths}`);
      assert.deepEqual([seen.more, seen.stale], [{ first: 1_201, last: 1_202 }, 'VERSION_CONFLICT']);
      assert.deepEqual(seen.last, [402, [999, 1_000, 1_201, 1_202]]);
    });

    test('a small record alone is left for its neighbor, and large events as they are', async () => {
      const seen = await page.evaluate(async (name) => {
        const store = await EventStore.open(name);
        await append(store, 'a', 0, 100, 0);
        await append(store, 'a', 1, 300, 100);
        await append(store, 'a', 2, 100, 400);
        await append(store, 'a', 3, 70, 500);
        const first = await compacted(name, 570);
        for (let number = 0; number < 3; number += 1) {
          await store.writeEvents([noted('large', { text: 'x'.repeat(700_000) })]);
        }
        await append(store, 'a', 4, 100, 570);
        await append(store, 'a', 5, 100, 670);
        const second = (await compacted(name, 773)).slice(first.length);
        const found = await store.verify();
        await store.close();
        return { first, second, damage: found.damage };
      }, name());
      assert.deepEqual(seen, {
        first: [100, 150, 150, 170],
        second: [1, 1, 1, 200],
        damage: [],
      });
    });

    test('several tabs that write on meanwhile lose nothing, and nothing is there twice', async () => {
      const database = name();
      const other = await openPage(world.browser, world.site.url, load);
      /** Commits of 64 to 127 events, with pauses in which the log is compacted now and then. */
      const work = async ([name, tab]) => {
        const store = await EventStore.open(name);
        const written = [];
        let version = 0;
        for (let commit = 0; commit < 30; commit += 1) {
          const size = 64 + ((commit * 37 + tab * 11) % 64);
          const { positions } = await append(store, `tab-${tab}`, commit, size, version);
          written.push([positions.first, positions.last]);
          version += size;
          if (commit % 5 === 4) await new Promise((go) => setTimeout(go, (commit * 29 + tab * 53) % 240));
        }
        await store.close();
        return written;
      };
      const both = await Promise.all([
        page.evaluate(work, [database, 0]),
        other.evaluate(work, [database, 1]),
      ]);
      await other.close();
      const seen = await page.evaluate(async (name) => {
        const store = await EventStore.open(name);
        const found = await store.verify();
        const { events } = await store.readAllEvents({ maxEvents: 100_000 });
        await store.close();
        return {
          found,
          places: events.map(({ position, streamId, version }) => [position, streamId, version]),
        };
      }, database);
      const expected = both
        .flatMap((written, tab) => {
          let version = 0;
          return written.flatMap(([first, last]) =>
            Array.from({ length: last - first + 1 }, (_, index) => {
              version += 1;
              return [first + index, `tab-${tab}`, version];
            }),
          );
        })
        .sort(([one], [two]) => one - two);
      assert.deepEqual(seen.found.damage, []);
      assert.deepEqual(seen.places, expected);
    });

    test('nothing failed outside of the promises', () => nothingFailed(world.page));
  },
  { load },
);
