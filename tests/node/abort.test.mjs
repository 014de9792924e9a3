// What can take long can be called off: each waits for something that does not come, and ends with the signal's
// reason.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EventStore, execute, Projection, writeInBatches } from 'eventcore-web';
import { createSyncHandler, PostgresEventStore } from 'eventcore-web/server';
import { loadWasm } from 'eventcore-web/wasm';

const open = () => EventStore.open('test', { storage: 'memory' });
const never = () => new Promise(() => {});
const noted = (number) => ({
  streamId: 'a',
  type: 'Noted',
  payload: { number },
  expectedVersion: 'noCheck',
});
/** A database that never answers. */
const sql = { connect: never };
/** The first line of an export, and nothing behind it. */
const stuck = () =>
  new ReadableStream({
    start(controller) {
      const header = { format: 'eventcore-web', version: 1, events: 1 };
      controller.enqueue(new TextEncoder().encode(`${JSON.stringify(header)}\n`));
    },
    pull: never,
    cancel: never,
  });
async function* oneAndNoMore() {
  yield noted(1);
  await never();
}

const reason = new Error('the user left');

/** Each is given the store and a signal. */
const WAITS = {
  changed: (store, signal) => store.changed({ signal }),
  closed: (store, signal) => store.closed({ signal }),
  import: (store, signal) => store.import(stuck(), { signal }),
  'an execute that conflicts for ever': (store, signal) =>
    execute(
      store,
      ['a'],
      async () => {
        await store.writeEvents([noted(1)]);
        return [{ streamId: 'a', type: 'Noted', payload: {} }];
      },
      { attempts: Number.POSITIVE_INFINITY, signal },
    ),
  'a projection whose turn does not come': (_, signal) => {
    const projection = new Projection({ initial: 0, apply: (count) => count + 1 });
    projection.catchUp({ readAllEvents: never });
    return projection.catchUp({ readAllEvents: () => assert.fail('it was called off') }, { signal });
  },
  'the opening of a store in PostgreSQL': (_, signal) => PostgresEventStore.open({ sql, signal }),
  "the endpoint's tables": (_, signal) => createSyncHandler({ sql }).initialize({ signal }),
};

describe('a signal ends the waiting for', () => {
  for (const [what, wait] of Object.entries(WAITS)) {
    test(what, async () => {
      const store = await open();
      const abort = new AbortController();
      const waiting = wait(store, abort.signal);
      // What it waits for is under way.
      setImmediate(() => abort.abort(reason));
      await assert.rejects(waiting, reason);
      await store.close();
    });
  }
});

/** Each begins nothing where the signal came before. */
const BEGINNINGS = {
  ...WAITS,
  open: (_, signal) => EventStore.open('test', { storage: 'memory', signal }),
  delete: (_, signal) => EventStore.delete('test', { signal }),
  persist: (_, signal) => EventStore.persist({ signal }),
  loadWasm: (_, signal) => loadWasm(undefined, { signal }),
  readStream: (store, signal) => store.readStream('a', { signal }),
  readStreams: (store, signal) => store.readStreams(['a'], { signal }),
  readStreamsMerged: (store, signal) => store.readStreamsMerged(['a'], { signal }),
  readAllEvents: (store, signal) => store.readAllEvents({ signal }),
  writeEvents: (store, signal) => store.writeEvents([noted(1)], { signal }),
  stats: (store, signal) => store.stats({ signal }),
  verify: (store, signal) => store.verify({ signal }),
  export: (store, signal) => new Response(store.export({ signal })).text(),
};

describe('a signal that came before ends', () => {
  for (const [what, begin] of Object.entries(BEGINNINGS)) {
    test(what, async () => {
      const store = await open();
      await assert.rejects(begin(store, AbortSignal.abort(reason)), reason);
      assert.equal((await store.readAllEvents()).head, 0, 'nothing was written');
      await store.close();
    });
  }
});

test('a source of events that has no more to say is left, and what was written is said', async () => {
  const store = await open();
  const abort = new AbortController();
  const writing = writeInBatches(store, oneAndNoMore(), {
    size: 1,
    signal: abort.signal,
    onProgress: () => setImmediate(() => abort.abort(reason)),
  });
  await assert.rejects(writing, (error) => {
    assert.deepEqual([error.name, error.cause, error.written.events], ['BatchWriteError', reason, 1]);
    return true;
  });
  await store.close();
});

test('a subscription ends without an error, since leaving it is no failure', async () => {
  const store = await open();
  const abort = new AbortController();
  const waiting = store.subscribe({ signal: abort.signal }).next();
  setImmediate(() => abort.abort(reason));
  assert.deepEqual(await waiting, { done: true, value: undefined });
  await store.close();
});
