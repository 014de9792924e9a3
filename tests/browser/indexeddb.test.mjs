// What only a real browser shows of the log in IndexedDB: reloads, several pages, failures of the storage.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { damage } from '../support/damage.mjs';
import { inEachBrowser, loadModule, nothingFailed, openPage, outcome } from '../support/pages.mjs';

let page;
let name;
let count = 0;

/** Opens the database in a page, as `globalThis.store`. */
const open = (where, durability = 'strict') =>
  where.evaluate(
    async ([name, durability]) => {
      globalThis.store = await globalThis.module.LocalStore.openIndexedDb(name, durability);
      // Writes batches, a line of JSON each.
      globalThis.writeLines = (lines) =>
        new Promise((resolve) => globalThis.store.writeEvents(lines.join('\n'), resolve));
      // Writes one batch, and throws why it was not written.
      globalThis.writeBatch = async (batch) => {
        const [answer] = await globalThis.writeLines([JSON.stringify(batch)]);
        if ('code' in answer) throw Object.assign(new Error(answer.message), answer);
        return answer;
      };
    },
    [name, durability],
  );

/** Writes one event, `stream` being as `expectedVersion` says. */
const write = (where, stream, expectedVersion, payload = {}) =>
  outcome(
    where,
    async ([stream, expectedVersion, payload]) => {
      const events = [{ streamId: stream, type: 'Happened', payload, expectedVersion }];
      return globalThis.writeBatch({ events });
    },
    [stream, expectedVersion, payload],
  );

/** Writes events of a stream in one commit. */
const writeMany = (where, streamId, count) =>
  where.evaluate(
    async ([streamId, count]) => {
      const event = { streamId, type: 'Happened', payload: {}, expectedVersion: 'noCheck' };
      await globalThis.writeBatch({ events: Array(count).fill(event) });
    },
    [streamId, count],
  );

const read = (where, stream, options) =>
  where.evaluate(
    async ([stream, options]) => JSON.parse(await globalThis.store.readStreams([stream], options))[0],
    [stream, options],
  );

const feed = (where, options) =>
  where.evaluate(async (options) => JSON.parse(await globalThis.store.readAllEvents(options)), options);

inEachBrowser('wasm/contract', (world) => {
  beforeEach(() => {
    page = world.page;
    count += 1;
    name = `test-${count}`;
  });

  test('events survive a reload, and ids go on where they were', async () => {
    await open(page);
    const first = await write(page, 'order-1', 'noStream', { total: 12.5, text: 'ä€😀' });
    assert.equal(first.error, undefined);
    await page.reload();
    await loadModule(page);
    await open(page);
    const { version, events } = await read(page, 'order-1');
    assert.equal(version, 1);
    assert.deepEqual(events[0].payload, { total: 12.5, text: 'ä€😀' });
    assert.equal(events[0].id, first.value.eventIds[0]);
    assert.equal(events[0].position, 1);
    const second = await write(page, 'order-1', 1);
    assert.ok(second.value.eventIds[0] > first.value.commitId, 'ids increase over a reload');
    assert.deepEqual(second.value.positions, { first: 2, last: 2 });
  });

  test('a conflict is typed, and names the stream', async () => {
    await open(page);
    await write(page, 'order-1', 'noStream');
    const { error } = await write(page, 'order-1', 'noStream');
    assert.equal(error.code, 'VERSION_CONFLICT');
    assert.deepEqual(error.details, { streams: [{ streamId: 'order-1', expected: 'noStream', actual: 1 }] });
  });

  test('two pages that write to one stream keep the version rule and dense positions', async () => {
    const other = await openPage(world.browser, world.site.url);
    await Promise.all([open(page, 'relaxed'), open(other, 'relaxed')]);
    const contend = (where) =>
      where.evaluate(async () => {
        let conflicts = 0;
        let written = 0;
        while (written < 50) {
          const [{ version }] = JSON.parse(await globalThis.store.readStreams(['shared'], undefined));
          const event = { streamId: 'shared', type: 'Counted', payload: {}, expectedVersion: version };
          try {
            await globalThis.writeBatch({ events: [event] });
            written += 1;
          } catch (error) {
            if (error.code !== 'VERSION_CONFLICT') throw error;
            conflicts += 1;
          }
        }
        return conflicts;
      });
    const conflicts = await Promise.all([contend(page), contend(other)]);
    const { version, events } = await read(page, 'shared');
    assert.equal(version, 100, `conflicts: ${conflicts}`);
    const numbers = Array.from({ length: 100 }, (_, index) => index + 1);
    assert.deepEqual(
      events.map((event) => event.version),
      numbers,
    );
    assert.deepEqual(
      events.map((event) => event.position),
      numbers,
    );
    assert.equal(new Set(events.map((event) => event.id)).size, 100);
    await other.close();
  });

  test('a write in one page wakes a subscription in another', async () => {
    const other = await openPage(world.browser, world.site.url);
    await open(page);
    await open(other);
    const heard = other.evaluate(async () => {
      const subscription = await globalThis.store.subscribe({});
      const events = JSON.parse(await subscription.next());
      const waiting = subscription.next();
      subscription.close();
      return [events.map((event) => event.streamId), (await waiting) ?? 'ended'];
    });
    await write(page, 'from-elsewhere', 'noStream');
    assert.deepEqual(await heard, [['from-elsewhere'], 'ended']);
    await other.close();
  });

  test('appends that arrive together share transactions, and each stands alone', async () => {
    await open(page);
    const answers = await page.evaluate(async () => {
      const event = (expectedVersion) => ({ streamId: 's', type: 'T', payload: {}, expectedVersion });
      const begun = indexedDB.databases && performance.now();
      const writes = [0, 0, 1, 7, 'noCheck'].map((expected) =>
        globalThis.writeBatch({ events: [event(expected)] }),
      );
      const settled = await Promise.allSettled(writes);
      return settled.map(({ status, value, reason }) => {
        return status === 'fulfilled' ? value.positions.first : (reason.code ?? begun);
      });
    });
    assert.deepEqual(answers, [1, 'VERSION_CONFLICT', 2, 'VERSION_CONFLICT', 3]);
  });

  test('what is written in one call is one transaction, and each batch stands alone', async () => {
    await open(page);
    const seen = await page.evaluate(async () => {
      const { transaction } = IDBDatabase.prototype;
      let count = 0;
      IDBDatabase.prototype.transaction = function (...args) {
        count += 1;
        return transaction.apply(this, args);
      };
      const event = (expectedVersion) => ({
        streamId: 's',
        type: 'T',
        payload: { expectedVersion },
        expectedVersion,
      });
      const batch = (expectedVersion) => JSON.stringify({ events: [event(expectedVersion)] });
      // The first write looks at what is there, and heads are known then.
      await globalThis.store.writeEvents(batch('noStream'));
      count = 0;
      const lines = [
        ...Array.from({ length: 99 }, (_, index) => batch(index + 1)),
        'no batch',
        batch('noCheck'),
      ];
      const answers = await globalThis.writeLines(lines);
      IDBDatabase.prototype.transaction = transaction;
      return { count, places: answers.map(({ positions, code }) => positions?.first ?? code) };
    });
    const places = Array.from({ length: 99 }, (_, index) => index + 2);
    assert.deepEqual(seen, { count: 1, places: [...places, 'INVALID_BATCH', 101] });
  });

  test('who is alone tells nobody, and from when another came both are told', async () => {
    await open(page);
    await page.evaluate(() => {
      const { postMessage } = BroadcastChannel.prototype;
      globalThis.posts = 0;
      BroadcastChannel.prototype.postMessage = function (...args) {
        globalThis.posts += 1;
        return postMessage.apply(this, args);
      };
    });
    await write(page, 'alone', 'noStream');
    assert.equal(await page.evaluate(() => globalThis.posts), 0);
    const other = await openPage(world.browser, world.site.url);
    await open(other);
    for (const [writer, reader, stream] of [
      [page, other, 'from-the-first'],
      [other, page, 'from-the-second'],
      [page, other, 'from-the-first-again'],
    ]) {
      await reader.evaluate(async (stream) => {
        const subscription = await globalThis.store.subscribe({});
        globalThis.heard = (async () => {
          for (;;) {
            const events = JSON.parse(await subscription.next());
            if (events.some((event) => event.streamId === stream)) return subscription.close();
          }
        })();
      }, stream);
      await write(writer, stream, 'noStream');
      await reader.evaluate(() => globalThis.heard);
    }
    assert.ok((await page.evaluate(() => globalThis.posts)) >= 2);
    await other.close();
  });

  test('a dropped transaction leaves nothing', async () => {
    await open(page);
    await write(page, 'before', 'noStream');
    await page.evaluate((name) => globalThis.module.dropATransaction(name), name);
    assert.equal((await write(page, 'after', 'noStream')).value.positions.first, 2);
    const { events, head } = await feed(page);
    assert.equal(head, 2);
    assert.deepEqual(
      events.map((event) => event.streamId),
      ['before', 'after'],
    );
  });

  test('large commits are read back in every direction', async () => {
    await open(page);
    await page.evaluate(async () => {
      for (let commit = 0; commit < 4; commit += 1) {
        const events = Array.from({ length: 300 }, (_, index) => ({
          streamId: `s-${index % 3}`,
          type: index % 2 ? 'Odd' : 'Even',
          payload: { commit, index },
          expectedVersion: 'noCheck',
        }));
        await globalThis.writeBatch({ events });
      }
    });
    const versions = async (options) =>
      (await read(page, 's-1', options)).events.map((event) => event.version);
    assert.deepEqual(await versions({ fromVersion: 398 }), [398, 399, 400]);
    assert.deepEqual(await versions({ backwards: true, maxEvents: 2 }), [400, 399]);
    assert.deepEqual(await versions({ backwards: true, toVersion: 130, maxEvents: 2 }), [130, 129]);
    assert.deepEqual(await versions({ fromVersion: 129, toVersion: 131 }), [129, 130, 131]);
    const page1 = await feed(page, { after: 1190, maxEvents: 100 });
    assert.deepEqual([page1.events.length, page1.cursor, page1.complete], [10, 1200, true]);
    const page2 = await feed(page, { eventTypes: ['Odd'], streamPrefix: 's-2', maxEvents: 7 });
    assert.deepEqual([page2.events.length, page2.complete], [7, false]);
  });

  test('a closed store answers CLOSED, and deleting a database closes it', async () => {
    await open(page);
    await write(page, 'order-1', 'noStream');
    await page.evaluate((name) => globalThis.module.LocalStore.deleteIndexedDb(name), name);
    assert.equal((await write(page, 'order-1', 'noStream')).error.code, 'CLOSED');
    await open(page);
    assert.equal((await read(page, 'order-1')).version, 0);
    await page.evaluate(() => globalThis.store.close());
    assert.equal((await write(page, 'order-1', 'noStream')).error.code, 'CLOSED');
  });

  test('a newer schema is left alone', async () => {
    await page.evaluate(
      (name) =>
        new Promise((resolve, reject) => {
          const request = indexedDB.open(name, 77);
          request.onsuccess = () => resolve(request.result.close());
          request.onerror = () => reject(request.error);
        }),
      name,
    );
    const { error } = await outcome(
      page,
      (name) => globalThis.module.LocalStore.openIndexedDb(name, 'strict'),
      name,
    );
    assert.equal(error.code, 'SCHEMA_TOO_NEW');
    assert.equal(error.details.found, 77);
  });

  // Two events lie in the tail; two commits of a hundred, in the log.
  for (const [where, of] of Object.entries({ tail: 1, log: 100 })) {
    test(`a damaged record of the ${where} is named, and what is not damaged stays readable`, async () => {
      await open(page);
      await writeMany(page, 'sound', of);
      await writeMany(page, 'damaged', of);
      const damaged = await page.evaluate(damage, { name, position: of + 1, text: '[{"broken' });
      assert.equal(damaged, where);
      // Opened anew: a connection does not read again what it has just written.
      await open(page);
      const stream = (id) => outcome(page, async (id) => globalThis.store.readStreams([id], undefined), id);
      assert.equal((await stream('sound')).error, undefined);
      const { error } = await stream('damaged');
      assert.equal(error.code, 'STORAGE_CORRUPT');
      assert.match(error.message, /log/);
      // Nor does it stop anybody who writes, now or when the tail is folded.
      for (let commit = 0; commit < 3; commit += 1) await writeMany(page, 'after', 60);
      assert.equal((await read(page, 'after')).version, 180);
      assert.equal((await stream('damaged')).error?.code, 'STORAGE_CORRUPT');
      assert.equal((await write(page, 'damaged', of)).error, undefined, 'its version is known');
    });
  }

  test('where there is no IndexedDB the answer is STORAGE_UNAVAILABLE', async () => {
    const bare = await openPage(world.browser, world.site.url);
    await bare.evaluate(() => {
      Object.defineProperty(globalThis, 'indexedDB', { value: undefined });
    });
    const { error } = await outcome(bare, () => globalThis.module.LocalStore.openIndexedDb('none', 'strict'));
    assert.equal(error.code, 'STORAGE_UNAVAILABLE');
    await bare.close();
  });

  test('nothing failed outside of the promises', () => nothingFailed(page));
});
