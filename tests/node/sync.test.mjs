// A sync against the native endpoint on PostgreSQL, and what stands between the two: proxies, portals, limits.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  Closed,
  Forbidden,
  Offline,
  ProtocolUnsupported,
  Unauthorized,
  VersionConflict,
} from 'eventcore-web';
import { noted, replicating, until } from '../support/replicas.mjs';

const { world, replica } = replicating();

describe('what stands in the way', () => {
  const passing = {
    'a captive portal': { status: 200, body: '<html>Please sign in</html>' },
    'a gateway without a server behind it': { status: 502 },
    'a path that is not there during a deployment': { status: 404 },
    'a connection that breaks': 'drop',
    'an answer that is lost': 'drop the answer',
    'an answer that is cut': 'truncate',
  };
  for (const [name, fate] of Object.entries(passing)) {
    test(`${name} is waited out, and everything arrives once`, async (context) => {
      const { store, sync } = await replica(context);
      await sync.syncNow();
      await store.writeEvents([noted('a', 'noStream', { note: 1 })]);
      let left = 2;
      world.proxy.fate = () => (left-- > 0 ? fate : 'pass');
      const status = await until(sync, ({ state, lastError }) => state === 'offline' && lastError);
      assert.ok(status.nextRetryMs > 0);
      assert.equal(status.lastError.code, 'OFFLINE');
      await until(sync, ({ state, pendingCommits }) => state === 'idle' && pendingCommits === 0);
      const { events } = await (await replica(context)).sync.syncNow().then(() => store.readAllEvents());
      assert.deepEqual(
        events.map(({ position, payload }) => [position, payload.note]),
        [[1, 1]],
      );
    });
  }

  const final = { 401: Unauthorized, 403: Forbidden, 426: ProtocolUnsupported };
  for (const [status, Class] of Object.entries(final)) {
    test(`${status} stops the sync, which can be started again`, async (context) => {
      world.proxy.fate = () => ({ status: Number(status) });
      const { store, sync } = await replica(context);
      await store.writeEvents([noted('a', 'noStream')]);
      await assert.rejects(sync.flush(), Class);
      assert.equal(
        (await until(sync, ({ state }) => state === 'stopped')).lastError.code,
        Class.name.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase(),
      );
      world.proxy.fate = () => 'pass';
      sync.start();
      await sync.flush();
      assert.equal((await store.readStream('a')).events[0].position, 1);
    });
  }

  test('429 waits as long as it is asked to', async (context) => {
    const { sync } = await replica(context);
    await sync.syncNow();
    world.proxy.fate = () => ({ status: 429, headers: { 'retry-after': '3600' } });
    await assert.rejects(sync.syncNow(), { code: 'RATE_LIMITED' });
    assert.equal(sync.status.nextRetryMs, 3_600_000);
    world.proxy.fate = () => 'pass';
    await sync.syncNow();
    assert.equal(sync.status.lastError, null);
  });

  test('413 halves the push until it fits, and a commit that fits nowhere is parked', async (context) => {
    const { store, sync } = await replica(context);
    await sync.syncNow();
    const limit = 3_000;
    world.proxy.fate = ({ body }) => (body.length > limit ? { status: 413 } : 'pass');
    for (let n = 0; n < 20; n++)
      await store.writeEvents([noted(`s-${n}`, 'noStream', { text: 'x'.repeat(400) })]);
    await sync.flush();
    await store.writeEvents([noted('large', 'noStream', { text: 'x'.repeat(limit) })]);
    await assert.rejects(sync.flush(), VersionConflict);
    const [conflict] = await sync.conflicts();
    assert.equal(conflict.rejected.code, 'PAYLOAD_TOO_LARGE');
    await sync.resolve(conflict.commitId, { replace: [noted('large', 'noStream', { text: 'short' })] });
    await sync.flush();
    assert.equal((await store.readAllEvents()).head, 21);
  });

  test('a token that is refused is asked for once more', async (context) => {
    const asked = [];
    const token = ({ rejected }) => {
      asked.push(rejected);
      return rejected ? 'fresh' : 'stale';
    };
    world.proxy.fate = ({ headers }) => (headers.authorization === 'Bearer fresh' ? 'pass' : { status: 401 });
    const { store, sync } = await replica(context, { token });
    await store.writeEvents([noted('a', 'noStream')]);
    await sync.flush();
    assert.deepEqual(asked.slice(0, 2), [false, true]);
    world.proxy.fate = () => ({ status: 401 });
    await assert.rejects(sync.syncNow(), Unauthorized);
  });

  test('a first sync of a large space goes on where it stopped', async (context) => {
    const { store: source, sync: pushing } = await replica(context);
    for (let n = 0; n < 3; n++) {
      await source.writeEvents(Array.from({ length: 900 }, (_, i) => noted(`s-${n}-${i}`, 'noStream')));
    }
    await pushing.flush();
    pushing.stop();
    world.proxy.asked.length = 0;
    let pages = 0;
    world.proxy.fate = ({ path }) => (path.includes('/events') && ++pages > 1 ? 'drop' : 'pass');
    const { store, sync } = await replica(context);
    const seen = await until(sync, ({ state }) => state === 'offline');
    assert.ok(seen.confirmed > 0 && seen.confirmed < 2_700, `${seen.confirmed}`);
    sync.stop();
    await until(sync, ({ state }) => state === 'stopped');
    world.proxy.fate = () => 'pass';
    world.proxy.asked.length = 0;
    sync.start();
    await sync.syncNow();
    assert.equal((await store.readAllEvents({ maxEvents: 1 })).head, 2_700);
    const [first] = world.proxy.asked.filter(({ path }) => path.includes('/events'));
    assert.match(
      first.path,
      new RegExp(`after=${seen.confirmed - 1}&`),
      'with the last one, to see that it is there',
    );
  });

  test('flush says why the outbox is not empty', async (context) => {
    const { store, sync } = await replica(context);
    await sync.syncNow();
    await store.writeEvents([noted('a', 'noStream')]);
    world.proxy.fate = () => 'drop';
    await assert.rejects(sync.flush(), Offline);
    sync.stop();
    await assert.rejects(sync.flush(), Closed);
  });
});

describe('what the endpoint says by itself', () => {
  test('others see a commit without asking, and then ask no more', async (context) => {
    const { store, sync } = await replica(context, { live: true, pollInterval: 3_600_000 });
    const { store: other, sync: writing } = await replica(context);
    await until(sync, ({ live }) => live);
    world.proxy.asked.length = 0;
    const following = store.subscribe();
    context.after(() => following.close());
    await other.writeEvents([noted('a', 'noStream', { note: 'live' })]);
    await writing.flush();
    const { value } = await following.next();
    assert.deepEqual([value.payload.note, value.position], ['live', 1]);
    writing.stop();
  });

  test('a proxy that holds it back is found by its silence, and asking goes on', async (context) => {
    world.proxy.fate = ({ path }) => (path.includes('/live') ? 'hold back' : 'pass');
    const { store, sync } = await replica(context, { live: true });
    const { store: other, sync: writing } = await replica(context);
    await other.writeEvents([noted('a', 'noStream', { note: 'polled' })]);
    await writing.flush();
    const following = store.subscribe();
    context.after(() => following.close());
    assert.equal((await following.next()).value.payload.note, 'polled');
    assert.equal(sync.status.live, false);
  });

  test('where the stream breaks off, what was missed is pulled', async (context) => {
    const { store, sync } = await replica(context, { live: true, pollInterval: 3_600_000 });
    const { store: other, sync: writing } = await replica(context, { url: world.server.url });
    await until(sync, ({ live }) => live);
    world.proxy.fate = () => 'drop';
    world.proxy.sever();
    await until(sync, ({ state, live }) => state === 'offline' && !live);
    await other.writeEvents([noted('a', 'noStream', { note: 'missed' })]);
    await writing.flush();
    world.proxy.fate = () => 'pass';
    const following = store.subscribe();
    context.after(() => following.close());
    assert.equal((await following.next()).value.payload.note, 'missed');
    writing.stop();
  });
});

describe('a sync that is watched and called off', () => {
  /** The progress of a state, each step once. */
  const recorded = (sync, wanted) => {
    const steps = [];
    const leave = sync.subscribe(({ state, progress }) => {
      const step = JSON.stringify(progress);
      // A look at what is new, and nothing is, has no progress to show.
      if (state !== wanted || !progress?.total || step === JSON.stringify(steps.at(-1))) return;
      steps.push(progress);
    });
    return { steps, leave };
  };
  const assertRises = (steps, total) => {
    assert.ok(steps.length > 2, JSON.stringify(steps));
    const done = steps.map((step) => step.done);
    assert.deepEqual(
      done,
      done.toSorted((one, other) => one - other),
      'it rises',
    );
    assert.ok(done[0] < total && steps.at(-1).total === total, JSON.stringify(steps));
  };

  test('long pushes and pulls say how far they are', async (context) => {
    const { store, sync } = await replica(context);
    await sync.syncNow();
    sync.stop();
    await until(sync, ({ state }) => state === 'stopped');
    for (let n = 0; n < 3_500; n++) store.writeEvents([noted(`s-${n % 50}`, 'noCheck', { n })]);
    await store.writeEvents([noted('last', 'noStream')]);
    const pushed = recorded(sync, 'pushing');
    sync.start();
    await sync.flush();
    pushed.leave();
    assertRises(pushed.steps, 3_501);
    sync.stop();

    const { store: other, sync: pulling } = await replica(context);
    const pulled = recorded(pulling, 'pulling');
    await pulling.syncNow();
    pulled.leave();
    assertRises(pulled.steps, 3_501);
    assert.equal((await other.readAllEvents({ maxEvents: 1 })).head, 3_501);
  });

  test('syncNow and flush can be called off, and the sync goes on', async (context) => {
    const { store, sync } = await replica(context);
    await sync.syncNow();
    world.proxy.fate = () => 'stall';
    const reason = new Error('the user left');
    for (const call of ['syncNow', 'flush']) {
      await store.writeEvents([noted(call, 'noStream')]);
      const gone = AbortSignal.abort(reason);
      await assert.rejects(sync[call]({ signal: gone }), reason);
      const leaving = new AbortController();
      const met = world.proxy.met('stall');
      const waiting = sync[call]({ signal: leaving.signal });
      await met.then(() => leaving.abort(reason));
      await assert.rejects(waiting, reason);
      world.proxy.fate = ({ method }) => (method === 'POST' ? 'stall' : 'pass');
      sync.stop();
      await until(sync, ({ state }) => state === 'stopped');
      sync.start();
    }
    world.proxy.fate = () => 'pass';
    sync.stop();
    await until(sync, ({ state }) => state === 'stopped');
    sync.start();
    await sync.flush({ signal: new AbortController().signal });
    assert.equal((await store.readAllEvents()).head, 2);
  });
});
