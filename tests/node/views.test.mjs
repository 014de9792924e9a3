// Views that follow the store, and the kit for tests, over the store in memory.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EventStore, liveProjection, liveStream, Projection, VersionConflict } from 'eventcore-web';
import {
  assertEventsOrdered,
  assertStreamVersionProgression,
  assertUniqueEventIds,
  ExpectationFailed,
  eventMetadata,
  given,
  givenNothing,
  storedEvent,
} from 'eventcore-web/testing';

const open = () => EventStore.open('test', { storage: 'memory' });
const paid = (amount, streamId = 'a') => ({
  streamId,
  type: 'Paid',
  payload: { amount },
  expectedVersion: 'noCheck',
});
const total = { initial: 0, apply: (sum, event) => sum + event.payload.amount };

/** Waits until a view is as wanted. */
const until = (view, wanted) =>
  new Promise((resolve) => {
    let stop = () => {};
    let found = false;
    stop = view.subscribe((value) => {
      if (found || !wanted(value)) return;
      found = true;
      resolve(value);
      queueMicrotask(() => stop());
    });
  });

describe('views', () => {
  test('a stream is followed, and its snapshot stays the same while it does not change', async () => {
    const store = await open();
    const view = liveStream(store, 'a');
    assert.deepEqual(view.getSnapshot(), { version: 0, events: [], loading: true, error: undefined });
    const seen = [];
    const stop = view.subscribe((value) => seen.push([value.version, value.loading]));
    await until(view, (value) => !value.loading);
    await store.writeEvents([paid(1)]);
    const one = await until(view, (value) => value.version === 1);
    await store.writeEvents([paid(1, 'other')]);
    await store.writeEvents([paid(2)]);
    const two = await until(view, (value) => value.version === 2);
    assert.equal(two.events[0], one.events[0], 'what is confirmed is not read again');
    assert.equal(view.getSnapshot(), view.getSnapshot());
    stop();
    assert.deepEqual(seen, [
      [0, true],
      [0, false],
      [1, false],
      [2, false],
    ]);
    await store.close();
  });

  test('pending events are shown, and nothing is followed while nobody looks', async () => {
    const store = await open();
    const sync = store.sync({ url: 'http://127.0.0.1:9', space: 's' });
    await assert.rejects(sync.syncNow(), { code: 'OFFLINE' });
    const view = liveStream(store, 'a');
    await store.writeEvents([paid(1)]);
    const { events } = await until(view, (value) => value.version === 1);
    assert.equal(events[0].position, null);
    await store.writeEvents([paid(2)]);
    assert.equal(view.getSnapshot().version, 1, 'nobody looks');
    await until(view, (value) => value.version === 2);
    await store.close();
  });

  test('a projection is followed, by several at once', async () => {
    const store = await open();
    const projection = new Projection(total);
    const [one, two] = [liveProjection(store, projection), liveProjection(store, projection)];
    await store.writeEvents([paid(1), paid(2)]);
    await Promise.all([until(one, (value) => value.state === 3), until(two, (value) => value.state === 3)]);
    await Promise.all([projection.catchUp(store), projection.catchUp(store), projection.catchUp(store)]);
    assert.equal(projection.state, 3);
    await store.close();
  });

  test('a view of a closed store says why it ended', async () => {
    const store = await open();
    const view = liveStream(store, 'a');
    const stop = view.subscribe(() => {});
    await until(view, (value) => !value.loading);
    await store.close();
    assert.equal((await until(view, (value) => value.error !== undefined)).error.code, 'CLOSED');
    stop();
  });
});

describe('the kit for tests', () => {
  const ship = ([order]) => {
    if (order.version === 0) throw new RangeError('there is no such order');
    if (order.events.some((event) => event.type === 'Shipped')) return [];
    return [{ streamId: order.streamId, type: 'Shipped', payload: { by: 'bike', at: 1 } }];
  };
  const placed = { streamId: 'a', type: 'Placed', payload: {} };
  const shipped = { streamId: 'a', type: 'Shipped', payload: { at: 1, by: 'bike' } };

  test('decisions are tested without a store', async () => {
    await given([placed]).when(['a'], ship).thenEvents([shipped]);
    await given([placed]).and([shipped]).when(['a'], ship).thenNothing();
    await givenNothing().when(['a'], ship).thenFails(RangeError);
    await givenNothing()
      .when(['a'], async (streams) => ship(streams))
      .thenFails('there is no such order');
    assert.deepEqual(
      given([placed, { ...placed, streamId: 'b' }, placed]).events.map((event) => event.version),
      [1, 1, 2],
    );
  });

  test('a check that does not hold fails', async () => {
    const failed = (check) => assert.rejects(check, ExpectationFailed);
    await failed(given([placed]).when(['a'], ship).thenNothing());
    await failed(
      given([placed])
        .when(['a'], ship)
        .thenEvents([{ ...shipped, payload: {} }]),
    );
    await failed(given([placed]).when(['a'], ship).thenEvents([shipped, shipped]));
    await failed(given([placed]).when(['a'], ship).thenFails());
    await failed(givenNothing().when(['a'], ship).thenFails(VersionConflict));
    await failed(givenNothing().when(['a'], ship).thenFails(/other/));
    await failed(
      givenNothing()
        .when([], () => [placed])
        .thenEvents([placed]),
    );
    await assert.rejects(givenNothing().when(['a'], ship).thenEvents([]), RangeError);
  });

  test('lists of events are checked', async () => {
    const store = await open();
    await store.writeEvents([paid(1), paid(2), paid(3, 'b')]);
    const { events } = await store.readAllEvents();
    assertEventsOrdered(events);
    assertUniqueEventIds(events);
    assertStreamVersionProgression(events, 'a');
    assert.throws(() => assertEventsOrdered([...events].reverse()), /not in feed order/);
    assert.throws(() => assertUniqueEventIds([events[0], events[0]]), /share the id/);
    assert.throws(() => assertStreamVersionProgression([events[1], events[0]], 'a'), /do not go up/);
    assert.throws(() => assertStreamVersionProgression(events, 'none'), /none of the 3/);
    const built = [
      storedEvent({ type: 'A', payload: 1 }),
      storedEvent({ type: 'B', payload: 2, position: null }),
    ];
    assertEventsOrdered(built);
    assertUniqueEventIds(built);
    assert.deepEqual(built[0].streamId, 'test-stream');
    // A store takes the ids that are built.
    await store.writeEvents([{ ...paid(1, 'c'), id: built[0].id }]);
    assert.equal(eventMetadata({ userId: 'u' }).userId, 'u');
  });
});
