// Connections: which database they are to, who is in the way, and what happens when the browser ends one.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { freshNames, loadPackage } from '../support/package-page.mjs';
import { inEachBrowser, nothingFailed, openPage } from '../support/pages.mjs';

/** What hangs is broken. */
const TIMEOUT = { timeout: 300_000 };

const load = async (page) => {
  await loadPackage(page);
  await page.evaluate(() => {
    /** The page's connections, in the order in which they were opened. */
    const connections = [];
    const { open } = IDBFactory.prototype;
    IDBFactory.prototype.open = function (...args) {
      const request = open.apply(this, args);
      request.addEventListener('success', () => connections.push(request.result));
      return request;
    };
    globalThis.connections = connections;
    globalThis.write = async (store) => (await store.writeEvents([noted('s')])).positions.last;
    /** Closes the newest connection as a browser does. */
    globalThis.lose = () => {
      const database = connections.at(-1);
      database.close();
      database.dispatchEvent(new Event('close'));
    };
    globalThis.until = async (holds) => {
      while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
    };
    /** A connection that is in everybody's way. */
    globalThis.block = (name, version) =>
      new Promise((resolve, reject) => {
        const request = indexedDB.open(name, version);
        request.onerror = () => reject(request.error);
        request.onsuccess = () => resolve(request.result);
      });
  });
};

inEachBrowser(
  '',
  (world) => {
    const name = freshNames('connection');
    let page;
    before(() => {
      page = world.page;
    });

    test('a connection that the browser closes is opened again, and followers go on', TIMEOUT, async () => {
      const seen = await page.evaluate(async (name) => {
        const store = await EventStore.open(name);
        const following = store.subscribe();
        const next = async () => (await following.next()).value.position;
        const seen = [await write(store), await next()];
        for (let loss = 0; loss < 3; loss += 1) {
          globalThis.lose();
          // Asked for at once, while it is opened again.
          const [events, position] = await Promise.all([store.readStream('s'), write(store)]);
          seen.push(events.version <= position, position, await next());
        }
        following.close();
        const { damage } = await store.verify();
        await store.close();
        return { seen, damage };
      }, name());
      assert.deepEqual(seen, { seen: [1, 1, true, 2, 2, true, 3, 3, true, 4, 4], damage: [] });
    });

    test(
      'a connection that is closed again before it was of use is given up, and the app is told',
      TIMEOUT,
      async () => {
        const seen = await page.evaluate(async (name) => {
          const store = await EventStore.open(name);
          await write(store);
          const closed = store.closed();
          const before = globalThis.connections.length;
          globalThis.lose();
          await globalThis.until(() => globalThis.connections.length > before);
          globalThis.lose();
          const codes = [
            (await closed).code,
            await globalThis.fails(write(store)),
            await globalThis.fails(store.readStream('s')),
          ];
          const again = await EventStore.open(name);
          const position = await write(again);
          await again.close();
          return { codes, position };
        }, name());
        const code = 'STORAGE_UNAVAILABLE';
        assert.deepEqual(seen, { codes: [code, code, code], position: 2 });
      },
    );

    test(
      'what is answered after the loss of its connection does not speak for the next',
      TIMEOUT,
      async () => {
        const seen = await page.evaluate(async (name) => {
          const store = await EventStore.open(name);
          const { transaction } = IDBDatabase.prototype;
          const seen = [await write(store)];
          for (let loss = 0; loss < 5; loss += 1) {
            IDBDatabase.prototype.transaction = function (...args) {
              IDBDatabase.prototype.transaction = transaction;
              // Its requests are made, and not answered yet.
              queueMicrotask(() => globalThis.lose());
              return transaction.apply(this, args);
            };
            const { version } = await store.readStream('s');
            seen.push(version, await write(store));
          }
          await store.close();
          return seen;
        }, name());
        assert.deepEqual(seen, [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6]);
      },
    );

    test('a write in the moment of the loss fails or is done, and is never half there', TIMEOUT, async () => {
      const seen = await page.evaluate(async (name) => {
        const store = await EventStore.open(name);
        const codes = new Set();
        let done = 0;
        for (let loss = 0; loss < 10; loss += 1) {
          const writes = Array.from({ length: 5 }, () => globalThis.fails(write(store)));
          await new Promise((resolve) => setTimeout(resolve, loss % 4));
          globalThis.lose();
          for (const code of await Promise.all(writes)) {
            if (code === 'nothing') done += 1;
            else codes.add(code);
          }
          await write(store);
          done += 1;
        }
        const { events, damage } = await store.verify();
        await store.close();
        return { codes: [...codes], damage, lost: done - events };
      }, name());
      assert.deepEqual(seen.damage, []);
      assert.ok(seen.lost <= 0, `${seen.lost} acknowledged events are gone`);
      assert.deepEqual(
        seen.codes.filter((code) => code !== 'STORAGE_UNAVAILABLE'),
        [],
      );
    });

    if (world.name === 'chromium') {
      test('Chromium closes it for real: by force, and because the data are cleared', TIMEOUT, async () => {
        const internals = await world.browser.newPage();
        await page.evaluate(async (name) => {
          globalThis.store = await EventStore.open(name);
          await write(globalThis.store);
          globalThis.following = globalThis.store.subscribe({ after: 1 });
          globalThis.next = globalThis.following.next();
        }, name());
        const opened = () => page.evaluate(() => globalThis.connections.length);
        const before = await opened();
        await internals.goto('chrome://indexeddb-internals');
        await internals.locator('.force-close').first().click();
        while ((await opened()) === before) await new Promise((resolve) => setTimeout(resolve, 10));
        assert.equal(await page.evaluate(() => write(globalThis.store)), 2);
        assert.equal(await page.evaluate(async () => (await globalThis.next).value.position), 2);

        const session = await page.context().newCDPSession(page);
        await page.evaluate(() => {
          globalThis.ended = globalThis.store.closed();
        });
        const { origin } = new URL(world.site.url);
        await session.send('Storage.clearDataForOrigin', { origin, storageTypes: 'indexeddb' });
        // An empty store in the place of the lost one would be taken for it.
        assert.equal(await page.evaluate(async () => (await globalThis.ended).code), 'STORAGE_UNAVAILABLE');
        assert.deepEqual(await page.evaluate((name) => EventStore.list(name), name()), []);
        await internals.close();
      });
    }

    test('a prefix keeps stores of one name apart', TIMEOUT, async () => {
      const seen = await page.evaluate(async (name) => {
        const prefixes = ['', 'a:', 'b:'];
        const stores = await Promise.all(prefixes.map((keyPrefix) => EventStore.open(name, { keyPrefix })));
        const [plain, a, b] = stores;
        const following = b.subscribe();
        const next = following.next();
        await write(plain);
        await write(a);
        await write(a);
        await write(b);
        const event = (await next).value;
        following.close();
        const heads = await Promise.all(stores.map(async (store) => (await store.readStream('s')).version));
        const names = stores.map((store) => store.name === name);
        await EventStore.delete(name, { keyPrefix: 'a:' });
        const lost = (await a.closed()).code;
        const [left, ofA] = [await EventStore.list('b:'), await EventStore.list('a:')];
        await Promise.all([plain.close(), b.close()]);
        return { heads, names, position: event.position, lost, left, ofA };
      }, name());
      assert.deepEqual(seen, {
        heads: [1, 2, 1],
        names: [true, true, true],
        position: 1,
        lost: 'CLOSED',
        left: [`b:${name()}`],
        ofA: [],
      });
    });

    test(
      'the app is told who is in the way of a deletion or an upgrade, and both go on when it is gone',
      TIMEOUT,
      async () => {
        const other = await openPage(world.browser, world.site.url, load);
        // Of the first schema, and it does not make way.
        const block = () =>
          other.evaluate(async (name) => {
            globalThis.old = await globalThis.block(name, 1);
          }, name());
        const unblock = () => other.evaluate(() => globalThis.old.close());
        const begin = (work) =>
          page.evaluate(
            ([name, work]) =>
              new Promise((resolve) => {
                const onBlocked = () => resolve('blocked');
                globalThis.done = EventStore[work](name, { onBlocked });
                globalThis.done.then(
                  () => resolve('done'),
                  (error) => resolve(String(error)),
                );
              }),
            [name(), work],
          );
        await block();
        assert.equal(await begin('delete'), 'blocked');
        await unblock();
        await page.evaluate(() => globalThis.done);
        assert.deepEqual(await page.evaluate((name) => EventStore.list(name), name()), []);

        await other.evaluate(async (name) => {
          const { open } = indexedDB;
          globalThis.old = await new Promise((resolve, reject) => {
            const request = open.call(indexedDB, name, 1);
            request.onupgradeneeded = () => {
              const log = request.result.createObjectStore('log');
              log.createIndex('streams', 's', { multiEntry: true });
              log.createIndex('moments', 'm', { multiEntry: true });
              request.result.createObjectStore('outbox');
              request.result.createObjectStore('meta');
            };
            request.onerror = () => reject(request.error);
            request.onsuccess = () => resolve(request.result);
          });
        }, name());
        assert.equal(await begin('open'), 'blocked');
        await unblock();
        const written = await page.evaluate(async () => {
          const store = await globalThis.done;
          const written = await write(store);
          await store.close();
          return written;
        });
        assert.equal(written, 1);

        const called = await page.evaluate(async (name) => {
          const abort = new AbortController();
          const reason = new Error('no time');
          const blocked = await globalThis.block(name);
          const deleting = EventStore.delete(name, {
            onBlocked: () => abort.abort(reason),
            signal: abort.signal,
          });
          const ended = await deleting.catch((error) => error === reason);
          blocked.close();
          return ended;
        }, name());
        assert.equal(called, true);
        await other.close();
      },
    );

    test('nothing failed outside of the promises', () => nothingFailed(page));
  },
  { load },
);
