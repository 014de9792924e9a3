// What an app does with a whole store: export, import, verify, count; and what it is told when it loses it.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { inEachBrowser, nothingFailed, openPage } from '../support/pages.mjs';

/** Gives pages the package, and what these tests do again and again. */
const load = (page) =>
  page.evaluate(async () => {
    const { EventStore } = await import('/index.js');
    const write = async (store, commits, of = 3) => {
      for (let commit = 0; commit < commits; commit += 1) {
        const events = Array.from({ length: of }, (_, index) => ({
          streamId: `s-${(commit + index) % 5}`,
          type: 'Noted',
          payload: { commit, index, text: 'ä€😀\n' },
          metadata: { userId: 'u', custom: { a: [1, 2.5] } },
          expectedVersion: 'noCheck',
        }));
        await store.writeEvents(events);
      }
    };
    const all = async (store) => (await store.readAllEvents({ maxEvents: 100_000 })).events;
    const fails = (work) =>
      work.then(
        () => 'nothing',
        (error) => error.code ?? error.name,
      );
    /** Has records of a database changed behind its back: those for which another value is answered. */
    const change = async (name, objectStore, changed) => {
      const database = await new Promise((resolve, reject) => {
        const request = indexedDB.open(name);
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
      let count = 0;
      await new Promise((resolve, reject) => {
        const transaction = database.transaction(objectStore, 'readwrite');
        transaction.oncomplete = resolve;
        transaction.onabort = () => reject(transaction.error);
        transaction.objectStore(objectStore).openCursor().onsuccess = ({ target: { result: cursor } }) => {
          if (cursor === null) return;
          const value = changed(cursor.value);
          if (value !== undefined) {
            count += 1;
            cursor.update(value);
          }
          cursor.continue();
        };
      });
      database.close();
      return count;
    };
    Object.assign(globalThis, { EventStore, write, all, fails, change });
  });

inEachBrowser(
  '',
  (world) => {
    let count = 0;
    let name;
    let page;
    beforeEach(() => {
      page = world.page;
      count += 1;
      name = `store-${count}`;
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
      }, name);
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
      }, name);
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
      }, name);
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
      }, `only-${name}`);
      const { bytesUsed, quota, persisted, ...stats } = seen.stats;
      assert.deepEqual(stats, { events: 60, pending: 0, streams: 5 });
      if (seen.manager) assert.ok(bytesUsed > 0 && quota > bytesUsed, `${bytesUsed} of ${quota}`);
      else assert.deepEqual([bytesUsed, quota, persisted], [null, null, null]);
      assert.equal(typeof seen.persisted, 'boolean');
      assert.deepEqual([seen.before, seen.after], [[`only-${name}`], []]);
    });

    test('verify names a record that is damaged, and goes on behind it', async () => {
      const found = await page.evaluate(async (name) => {
        const store = await EventStore.open(name);
        await write(store, 40, 100);
        await store.close();
        // Whatever a record is, text or bytes in it: one in the middle of the log loses its second half.
        const damaged = (value) => {
          if (typeof value === 'string') return value.slice(0, value.length / 2);
          if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer)
            return value.slice(0, value.byteLength / 2);
          return value;
        };
        let seen = 0;
        await change(name, 'log', (record) => {
          seen += 1;
          if (seen !== 20) return undefined;
          const isPlain = Object.getPrototypeOf(record) === Object.prototype;
          return isPlain
            ? Object.fromEntries(Object.entries(record).map(([key, value]) => [key, damaged(value)]))
            : damaged(record);
        });
        const again = await EventStore.open(name);
        const found = await again.verify();
        const last = (await again.readAllEvents({ after: 3_500 })).events.length;
        await again.close();
        return { ...found, last };
      }, name);
      assert.equal(found.damage.length, 1, JSON.stringify(found.damage));
      const [{ after, through, message }] = found.damage;
      assert.match(message, /record .* of log/);
      assert.equal(through - after, 4_000 - found.events);
      assert.equal(found.last, 500);
      assert.ok(found.events >= 3_700 && found.events < 4_000, `${found.events} events were read`);
    });

    test('verify finds a payload of which one character is another', async () => {
      const found = await page.evaluate(async (name) => {
        const store = await EventStore.open(name);
        // So many that those in question are folded into the log.
        await write(store, 400, 1);
        const sound = await store.verify();
        const flipped = await change(name, 'log', (record) => {
          // The payload is as long as it was, and valid: no reader can see that it is another one.
          const { t } = record;
          if (!t?.includes('"commit":37,')) return undefined;
          return { ...record, t: t.replace('"commit":37,', '"commit":47,') };
        });
        const { damage, events } = await store.verify();
        await store.close();
        return { sound: sound.damage, flipped, damage, events };
      }, name);
      assert.deepEqual([found.sound, found.flipped, found.damage.length], [[], 1, 1]);
      const [{ after, through, message }] = found.damage;
      assert.match(message, /record \d+ of log: its text is not the one that was written/);
      assert.ok(after <= 37 && through >= 38, `from ${after} to ${through}`);
      assert.equal(found.events, 400 - (through - after));
    });

    test('the app is told that it lost the store: to a deletion, an upgrade, or its own close', async () => {
      const other = await openPage(world.browser, world.site.url, load);
      await page.evaluate(async (name) => {
        globalThis.store = await EventStore.open(name);
        globalThis.lost = globalThis.store.closed().then((error) => [error.name, error.code]);
        globalThis.following = globalThis.store.subscribe();
        globalThis.ended = fails(globalThis.following.next());
      }, name);
      // Another app's version would upgrade it: the connection makes way at once.
      await other.evaluate(
        (name) =>
          new Promise((resolve, reject) => {
            const request = indexedDB.open(name, 1_000);
            request.onerror = () => reject(request.error);
            request.onsuccess = () => resolve(request.result.close());
          }),
        name,
      );
      assert.deepEqual(await page.evaluate(() => globalThis.lost), ['Closed', 'CLOSED']);
      assert.equal(await page.evaluate(() => globalThis.ended), 'CLOSED');
      assert.equal(await page.evaluate((name) => fails(EventStore.open(name)), name), 'SCHEMA_TOO_NEW');
      assert.deepEqual(
        await page.evaluate(async (name) => {
          const store = await EventStore.open(`${name}-own`);
          const closed = store.closed();
          await store.close();
          return (await closed).code;
        }, name),
        'CLOSED',
      );
      await other.close();
    });

    test('nothing failed outside of the promises', () => nothingFailed(page));
  },
  { load },
);
