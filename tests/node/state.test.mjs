// State, decisions, batches and partitions in Node, over the store in memory.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  BatchWriteError,
  EventStore,
  execute,
  fold,
  Projection,
  partitionedStreamId,
  VersionConflict,
  writeInBatches,
} from 'eventcore-web';

const open = () => EventStore.open('test', { storage: 'memory' });

const noted = (streamId, expectedVersion, payload = {}) => ({
  streamId,
  type: 'Noted',
  payload,
  expectedVersion,
});

describe('state', () => {
  const deposited = (amount, expectedVersion = 'noCheck') => ({
    streamId: 'account',
    type: 'Deposited',
    payload: { amount },
    expectedVersion,
  });
  const balance = (events) => fold(events, 0, (sum, event) => sum + event.payload.amount);

  test('execute decides again when another was faster', async () => {
    const store = await open();
    await store.writeEvents([deposited(5, 'noStream')]);
    let decisions = 0;
    const result = await execute(store, ['account', 'rules'], async ([account, rules]) => {
      decisions += 1;
      assert.equal(rules.version, 0);
      if (decisions === 1) await store.writeEvents([deposited(2)]);
      return [{ streamId: 'account', type: 'Deposited', payload: { amount: balance(account.events) } }];
    });
    assert.equal(decisions, 2);
    assert.deepEqual(result.versions, { account: 3 });
    assert.equal(balance((await store.readStream('account')).events), 14);
  });

  test('a stream that was only read is a precondition', async () => {
    const store = await open();
    let decisions = 0;
    await execute(store, ['account', 'rules'], async () => {
      decisions += 1;
      if (decisions === 1) await store.writeEvents([noted('rules', 'noStream')]);
      return [{ streamId: 'account', type: 'Deposited', payload: { amount: 1 } }];
    });
    assert.equal(decisions, 2);
  });

  test('a signal ends the wait between two attempts of execute with its reason', async (context) => {
    const store = await open();
    const reason = new Error('the user went away');
    const abort = new AbortController();
    // The wait never ends by itself: it is aborted as soon as it has begun.
    context.mock.method(globalThis, 'setTimeout', () => queueMicrotask(() => abort.abort(reason)));
    let decisions = 0;
    const executed = execute(
      store,
      ['account'],
      async () => {
        decisions += 1;
        await store.writeEvents([deposited(1)]);
        return [{ streamId: 'account', type: 'Deposited', payload: { amount: 100 } }];
      },
      { signal: abort.signal },
    );
    await assert.rejects(executed, reason);
    assert.equal(decisions, 1);
    assert.equal((await store.readStream('account')).version, 1);
    await assert.rejects(
      execute(store, ['account'], () => assert.fail('it is not asked'), { signal: abort.signal }),
      reason,
    );
  });

  test('execute gives up after its attempts, and writes nothing where nothing was decided', async () => {
    const store = await open();
    const always = execute(
      store,
      ['account'],
      async () => {
        await store.writeEvents([deposited(1)]);
        return [{ streamId: 'account', type: 'Deposited', payload: { amount: 1 } }];
      },
      { attempts: 2 },
    );
    await assert.rejects(always, VersionConflict);
    assert.equal(await execute(store, ['account'], () => []), null);
  });

  test('a projection folds what is new, by type and stream, and goes on from a checkpoint', async () => {
    const store = await open();
    const options = {
      initial: 0,
      apply: (sum, event) => sum + event.payload.amount,
      eventTypes: ['Deposited'],
      streamPrefix: 'acc',
    };
    const projection = new Projection(options);
    await store.writeEvents([deposited(1), deposited(2), noted('account', 'noCheck')]);
    await store.writeEvents([{ ...deposited(100), streamId: 'other' }]);
    assert.equal(await projection.catchUp(store), 2);
    assert.equal(projection.state, 3);
    const checkpoint = JSON.parse(JSON.stringify(projection.checkpoint()));
    await store.writeEvents([deposited(4)]);
    const resumed = new Projection(options, checkpoint);
    assert.equal(await resumed.catchUp(store), 1);
    assert.equal(resumed.state, 7);
    const revised = new Projection({ ...options, revision: 1 }, checkpoint);
    assert.equal(await revised.catchUp(store), 3);
    await assert.rejects(resumed.catchUp(await open()), /build the projection anew/);
  });

  test('a projection shows pending events on top of the confirmed state', async () => {
    const store = await open();
    await store.writeEvents([deposited(1)]);
    // A replica of an endpoint that is never there: what is written waits.
    const sync = store.sync({ url: 'http://127.0.0.1:9', space: 's' });
    await assert.rejects(sync.syncNow(), { code: 'OFFLINE' });
    await store.writeEvents([deposited(2)]);
    const projection = new Projection({ initial: 0, apply: (sum, event) => sum + event.payload.amount });
    assert.equal(await projection.catchUp(store), 0);
    assert.deepEqual([projection.state, projection.confirmed, projection.pending.length], [3, 0, 2]);
    await store.close();
  });

  describe('a projection that a store keeps', () => {
    const one = (count) => Array.from({ length: count }, () => deposited(1));
    const opened = async (store, options = {}) => {
      const folded = { events: 0 };
      const apply = (sum, event) => {
        folded.events += 1;
        return sum + event.payload.amount;
      };
      const projection = await Projection.open(store, 'balance', { initial: 0, apply, ...options });
      return { projection, folded };
    };

    test('goes on where its last snapshot was written, after every so many events', async () => {
      const store = await open();
      const { projection, folded } = await opened(store, { snapshotEvery: 10 });
      for (const [count, kept] of [
        [9, undefined],
        [1, 10],
        [9, 10],
        [4, 23],
        [3, 23],
      ]) {
        await store.writeEvents(one(count));
        assert.equal(await projection.catchUp(store), count);
        assert.equal((await store.readSnapshot('balance'))?.state, kept);
      }
      assert.deepEqual([projection.state, folded.events], [26, 26]);
      const again = await opened(store);
      assert.equal(again.projection.state, 23);
      assert.equal(await again.projection.catchUp(store), 3);
      assert.deepEqual([again.projection.state, again.folded.events], [26, 3]);
      await again.projection.save();
      assert.equal((await opened(store)).projection.state, 26);
    });

    test('begins anew with another definition, under another name, and upon another log', async () => {
      const store = await open();
      const { projection } = await opened(store);
      await store.writeEvents(one(5));
      await projection.catchUp(store);
      await projection.save();
      const states = [{}, { revision: 1 }, { eventTypes: ['Deposited'] }, { streamPrefix: 'a' }].map(
        async (options) => (await opened(store, options)).projection.state,
      );
      assert.deepEqual(await Promise.all(states), [5, 0, 0, 0]);
      const named = await Projection.open(store, 'other', { initial: 0, apply: (sum) => sum });
      assert.equal(named.state, 0);
      // Shorter than the snapshot goes, and longer.
      const other = await open();
      await other.writeSnapshot('balance', await store.readSnapshot('balance'));
      for (const more of [3, 10]) {
        await other.writeEvents(one(more));
        assert.equal((await opened(other)).projection.state, 0);
      }
      const { projection: anew } = await opened(other);
      assert.equal(await anew.catchUp(other), 13);
    });

    test('cannot be saved where nobody keeps it, or its state cannot be kept, and catches up all the same', async () => {
      const store = await open();
      await store.writeEvents(one(3));
      const options = { initial: () => 0, apply: (before) => before, snapshotEvery: 1 };
      const kept = await Projection.open(store, 'function', options);
      assert.equal(await kept.catchUp(store), 3);
      await assert.rejects(kept.save(), { code: 'INVALID_REQUEST' });
      assert.equal(await store.readSnapshot('function'), undefined);
      const free = new Projection(options);
      assert.equal(await free.catchUp(store), 3);
      await assert.rejects(free.save(), TypeError);
      // Without the storage there is nothing to catch up with, and a failed turn does not hold up the next.
      await store.close();
      await assert.rejects(kept.catchUp(store), { code: 'CLOSED' });
      await assert.rejects(kept.save(), { code: 'CLOSED' });
    });
  });

  test('streams are partitioned as in Rust', () => {
    for (const [key, streamId] of [
      ['', 'orders-1'],
      ['order-1', 'orders-2'],
      ['ä', 'orders-5'],
    ]) {
      assert.equal(partitionedStreamId('orders', key, 16), streamId);
    }
    assert.throws(() => partitionedStreamId('orders', 'a', 0), RangeError);
  });

  test('ids for repeatable writes increase', async () => {
    const store = await open();
    const ids = Array.from({ length: 1_000 }, () => store.newId());
    assert.deepEqual([...new Set(ids)].sort(), ids);
    const event = { ...noted('a', 'noStream'), id: ids[0] };
    assert.deepEqual(await store.writeEvents([event]), await store.writeEvents([event]));
  });

  test('batches report progress, and say what was written when one fails', async () => {
    const store = await open();
    async function* many() {
      for (let number = 1; number <= 25; number += 1) yield noted('a', 'noCheck', { number });
    }
    const progress = [];
    const written = await writeInBatches(store, many(), {
      size: 10,
      onProgress: ({ events }) => progress.push(events),
    });
    assert.deepEqual([written, progress], [{ batches: 3, events: 25 }, [10, 20, 25]]);
    const events = [noted('b', 'noCheck'), noted('b', 'noCheck'), noted('c', 7)];
    await assert.rejects(writeInBatches(store, events, { size: 2 }), (error) => {
      assert.ok(error instanceof BatchWriteError && error.cause instanceof VersionConflict);
      assert.deepEqual(error.written, { batches: 1, events: 2 });
      assert.equal(error.code, 'VERSION_CONFLICT');
      return true;
    });
    assert.equal((await store.readStream('b')).version, 2);
  });
});
