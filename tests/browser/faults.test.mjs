// Faults of the storage: denied, and transactions that are aborted.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freshNames, loadPackage } from '../support/package-page.mjs';
import { inEachBrowser, nothingFailed } from '../support/pages.mjs';

/** What hangs is broken. */
const TIMEOUT = { timeout: 300_000 };

inEachBrowser(
  '',
  (world) => {
    const name = freshNames('fault');

    test(
      'a transaction that is aborted from outside leaves nothing, says so, and the next write works',
      TIMEOUT,
      async () => {
        const seen = await world.page.evaluate(async (name) => {
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
        }, name());
        // What is aborted once is tried again.
        assert.deepEqual(seen.once, ['nothing', 'nothing', 'nothing']);
        // A transaction may have been over before it could be aborted: then it is there, whole.
        const done = 3 + seen.always.filter((failed) => failed === 'nothing').length;
        const aborted = seen.always.filter((failed) => failed !== 'nothing');
        assert.equal(seen.always[0], 'STORAGE_UNAVAILABLE');
        for (const failed of aborted) assert.equal(failed, 'STORAGE_UNAVAILABLE');
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
          const outcome = (work) => work.then(() => 'nothing', (error) => error.code);
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
      const unavailable = 'STORAGE_UNAVAILABLE';
      assert.deepEqual(denied, [unavailable, unavailable, unavailable, 'nothing']);
    });

    test('nothing failed outside of the promises', () => nothingFailed(world.page));
  },
  { load: loadPackage },
);
