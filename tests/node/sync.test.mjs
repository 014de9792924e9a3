// A sync against the native endpoint on PostgreSQL, and what stands between the two: proxies, portals, limits.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import {
  Closed,
  EndpointReset,
  EventStore,
  Forbidden,
  Offline,
  ProtocolUnsupported,
  Unauthorized,
  VersionConflict,
} from 'eventcore-web';
import { startPostgres } from '../../js/tools/postgres.mjs';
import { buildServer, startServer } from '../support/hosts.mjs';
import { startProxy } from '../support/proxy.mjs';

let postgres;
let server;
let proxy;
let spaces = 0;
let space;

before(async () => {
  [postgres] = await Promise.all([startPostgres(), buildServer()]);
  server = await startServer(['--database-url', postgres.url]);
  proxy = await startProxy(server.url);
});
after(async () => {
  await proxy?.stop();
  await server?.stop();
  await postgres?.stop();
});
beforeEach(() => {
  proxy.fate = () => 'pass';
  proxy.asked.length = 0;
  space = `space-${++spaces}`;
});

const noted = (streamId, expectedVersion, payload = {}) => ({
  streamId,
  type: 'Noted',
  payload,
  expectedVersion,
});

/** A replica of the space; closed when the test ends. */
async function replica(context, options = {}) {
  const store = await EventStore.open('replica', { storage: 'memory' });
  context.after(() => store.close());
  const sync = store.sync({ url: proxy.url, space, pollInterval: 50, live: false, ...options });
  return { store, sync };
}

/** Waits until the status is as wanted. */
function until(sync, wanted) {
  return new Promise((resolve) => {
    let found = false;
    let leave = () => {};
    leave = sync.subscribe((status) => {
      if (found || !wanted(status)) return;
      found = true;
      leave();
      resolve(status);
    });
    if (found) leave();
  });
}

const notes = (events) => events.map(({ payload }) => payload.note);

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
      proxy.fate = () => (left-- > 0 ? fate : 'pass');
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
      proxy.fate = () => ({ status: Number(status) });
      const { store, sync } = await replica(context);
      await store.writeEvents([noted('a', 'noStream')]);
      await assert.rejects(sync.flush(), Class);
      assert.equal(
        (await until(sync, ({ state }) => state === 'stopped')).lastError.code,
        Class.name.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase(),
      );
      proxy.fate = () => 'pass';
      sync.start();
      await sync.flush();
      assert.equal((await store.readStream('a')).events[0].position, 1);
    });
  }

  test('429 waits as long as it is asked to', async (context) => {
    const { sync } = await replica(context);
    await sync.syncNow();
    proxy.fate = () => ({ status: 429, headers: { 'retry-after': '3600' } });
    await assert.rejects(sync.syncNow(), { code: 'RATE_LIMITED' });
    assert.equal(sync.status.nextRetryMs, 3_600_000);
    proxy.fate = () => 'pass';
    await sync.syncNow();
    assert.equal(sync.status.lastError, null);
  });

  test('413 halves the push until it fits, and a commit that fits nowhere is parked', async (context) => {
    const { store, sync } = await replica(context);
    await sync.syncNow();
    const limit = 3_000;
    proxy.fate = ({ body }) => (body.length > limit ? { status: 413 } : 'pass');
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
    proxy.fate = ({ headers }) => (headers.authorization === 'Bearer fresh' ? 'pass' : { status: 401 });
    const { store, sync } = await replica(context, { token });
    await store.writeEvents([noted('a', 'noStream')]);
    await sync.flush();
    assert.deepEqual(asked.slice(0, 2), [false, true]);
    proxy.fate = () => ({ status: 401 });
    await assert.rejects(sync.syncNow(), Unauthorized);
  });

  test('a first sync of a large space goes on where it stopped', async (context) => {
    const { store: source, sync: pushing } = await replica(context);
    for (let n = 0; n < 3; n++) {
      await source.writeEvents(Array.from({ length: 900 }, (_, i) => noted(`s-${n}-${i}`, 'noStream')));
    }
    await pushing.flush();
    pushing.stop();
    proxy.asked.length = 0;
    let pages = 0;
    proxy.fate = ({ path }) => (path.includes('/events') && ++pages > 1 ? 'drop' : 'pass');
    const { store, sync } = await replica(context);
    const seen = await until(sync, ({ state }) => state === 'offline');
    assert.ok(seen.confirmed > 0 && seen.confirmed < 2_700, `${seen.confirmed}`);
    sync.stop();
    await until(sync, ({ state }) => state === 'stopped');
    proxy.fate = () => 'pass';
    proxy.asked.length = 0;
    sync.start();
    await sync.syncNow();
    assert.equal((await store.readAllEvents({ maxEvents: 1 })).head, 2_700);
    const [first] = proxy.asked.filter(({ path }) => path.includes('/events'));
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
    proxy.fate = () => 'drop';
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
    proxy.asked.length = 0;
    const following = store.subscribe();
    context.after(() => following.close());
    await other.writeEvents([noted('a', 'noStream', { note: 'live' })]);
    await writing.flush();
    const { value } = await following.next();
    assert.deepEqual([value.payload.note, value.position], ['live', 1]);
    writing.stop();
  });

  test('a proxy that holds it back is found by its silence, and asking goes on', async (context) => {
    proxy.fate = ({ path }) => (path.includes('/live') ? 'hold back' : 'pass');
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
    const { store: other, sync: writing } = await replica(context, { url: server.url });
    await until(sync, ({ live }) => live);
    proxy.fate = () => 'drop';
    proxy.sever();
    await until(sync, ({ state, live }) => state === 'offline' && !live);
    await other.writeEvents([noted('a', 'noStream', { note: 'missed' })]);
    await writing.flush();
    proxy.fate = () => 'pass';
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
    proxy.fate = () => 'stall';
    const reason = new Error('the user left');
    for (const call of ['syncNow', 'flush']) {
      await store.writeEvents([noted(call, 'noStream')]);
      const gone = AbortSignal.abort(reason);
      await assert.rejects(sync[call]({ signal: gone }), reason);
      const leaving = new AbortController();
      const met = proxy.met('stall');
      const waiting = sync[call]({ signal: leaving.signal });
      await met.then(() => leaving.abort(reason));
      await assert.rejects(waiting, reason);
      proxy.fate = ({ method }) => (method === 'POST' ? 'stall' : 'pass');
      sync.stop();
      await until(sync, ({ state }) => state === 'stopped');
      sync.start();
    }
    proxy.fate = () => 'pass';
    sync.stop();
    await until(sync, ({ state }) => state === 'stopped');
    sync.start();
    await sync.flush({ signal: new AbortController().signal });
    assert.equal((await store.readAllEvents()).head, 2);
  });
});

describe('conflicts', () => {
  /** Two replicas; the second was offline while both wrote to the stream, and wrote a chain on top. */
  async function conflicting(context, options) {
    const { store: one, sync: first } = await replica(context);
    const { store: two, sync: second } = await replica(context, options);
    await one.writeEvents([noted('order-1', 'noStream', { note: 'placed' })]);
    await first.flush();
    await second.syncNow();
    second.stop();
    await until(second, ({ state }) => state === 'stopped');
    await one.writeEvents([noted('order-1', 1, { note: 'theirs' })]);
    await first.flush();
    await two.writeEvents([noted('order-1', 1, { note: 'mine' })]);
    await two.writeEvents([noted('order-1', 2, { note: 'on top of mine' })]);
    await two.writeEvents([noted('other', 'noStream', { note: 'later' })]);
    second.start();
    return { one, first, two, second };
  }

  test('without a resolver everything is parked, in its order, and resolved one by one', async (context) => {
    const { two, second } = await conflicting(context, {});
    await until(second, ({ state }) => state === 'conflicted');
    const [mine, ...none] = await second.conflicts();
    assert.equal(none.length, 0);
    assert.deepEqual(mine.streams, [{ streamId: 'order-1', expected: 1, actual: 2 }]);
    assert.deepEqual([notes(mine.remoteEvents), notes(mine.localEvents)], [['theirs'], ['mine']]);
    await second.resolve(mine.commitId, 'drop');
    // The version that it expects is there by coincidence, but not what it was made upon.
    await until(second, ({ state, pendingCommits }) => state === 'conflicted' && pendingCommits === 2);
    const [top] = await second.conflicts();
    assert.deepEqual([notes(top.remoteEvents), notes(top.localEvents)], [['theirs'], ['on top of mine']]);
    await second.resolve(top.commitId, 'rebase');
    await second.flush();
    const { events } = await two.readAllEvents();
    assert.deepEqual(notes(events), ['placed', 'theirs', 'on top of mine', 'later']);
  });

  test('what others wrote to a stream that a commit holds to no version is no part of its conflict', async (context) => {
    const { one, first, two, second } = await conflicting(context, {});
    await until(second, ({ state }) => state === 'conflicted');
    for (const { commitId } of await second.conflicts()) await second.resolve(commitId, 'drop');
    const [top] = await until(second, ({ pendingCommits }) => pendingCommits === 2).then(() =>
      second.conflicts(),
    );
    await second.resolve(top.commitId, 'drop');
    await second.flush();
    second.stop();
    await until(second, ({ state }) => state === 'stopped');
    await one.writeEvents([
      noted('order-1', 2, { note: 'theirs again' }),
      noted('free', 'noCheck', { note: 'free' }),
    ]);
    await first.flush();
    await two.writeEvents([
      noted('order-1', 2, { note: 'mine' }),
      noted('free', 'noCheck', { note: 'mine too' }),
    ]);
    second.start();
    await until(second, ({ state }) => state === 'conflicted');
    const [conflict] = await second.conflicts();
    assert.deepEqual(conflict.streams, [{ streamId: 'order-1', expected: 2, actual: 3 }]);
    assert.deepEqual(notes(conflict.remoteEvents), ['theirs again']);
    assert.deepEqual(notes(conflict.localEvents), ['mine', 'mine too']);
  });

  test('a policy answers for the streams that begin so', async (context) => {
    const onConflict = () => assert.fail('nobody is asked');
    const policies = { '': 'drop', 'order-': 'rebase' };
    const { two, second } = await conflicting(context, { policies, onConflict });
    await second.flush();
    const { events } = await two.readAllEvents();
    assert.deepEqual(notes(events), ['placed', 'theirs', 'mine', 'on top of mine', 'later']);
  });

  test('a resolver is asked about each, and may replace', async (context) => {
    const seen = [];
    const onConflict = async (conflict) => {
      seen.push([notes(conflict.remoteEvents), notes(conflict.localEvents)]);
      return {
        replace: [noted('order-1', 'any', { note: `${conflict.localEvents[0].payload.note}, again` })],
      };
    };
    const { two, second } = await conflicting(context, { onConflict });
    await second.flush();
    assert.deepEqual(seen, [
      [['theirs'], ['mine']],
      [['theirs'], ['on top of mine']],
    ]);
    const { events } = await two.readAllEvents();
    assert.deepEqual(notes(events), ['placed', 'theirs', 'mine, again', 'on top of mine, again', 'later']);
  });

  test('a resolver that throws parks', async (context) => {
    const onConflict = () => {
      throw new Error('not today');
    };
    const { second } = await conflicting(context, { onConflict });
    const { pendingCommits } = await until(second, ({ state }) => state === 'conflicted');
    assert.equal(pendingCommits, 3);
    await assert.rejects(second.flush(), VersionConflict);
  });
});

describe('an endpoint that lost what it had', () => {
  /** Puts the space back to its first events, as a backup would; its identity stays. */
  const putBack = async (head) => {
    const { default: pg } = await import('pg');
    const database = new pg.Client({ connectionString: postgres.url });
    await database.connect();
    await database.query('delete from eventcore.events where space = $1 and position > $2', [space, head]);
    await database.query('update eventcore.spaces set head = $2 where space = $1', [space, head]);
    const there = 'from eventcore.events e where e.space = s.space and e.stream_id = s.stream_id';
    await database.query(
      `delete from eventcore.streams s where space = $1 and not exists (select ${there})`,
      [space],
    );
    await database.query(
      `update eventcore.streams s set version = (select max(version) ${there}) where space = $1`,
      [space],
    );
    await database.end();
  };
  /** A replica that was away while the endpoint lost half of it and others wrote, and has something new. */
  const lost = async (context, options) => {
    const { store, sync } = await replica(context, options);
    for (let n = 1; n <= 4; n++) await store.writeEvents([noted(`s-${n}`, 'noStream', { note: n })]);
    await sync.flush();
    sync.stop();
    await until(sync, ({ state }) => state === 'stopped');
    await putBack(2);
    const { store: other, sync: writing } = await replica(context);
    await other.writeEvents(['x', 'y', 'z'].map((stream) => noted(stream, 'noStream', { note: stream })));
    await writing.flush();
    await store.writeEvents([noted('s-5', 'noStream', { note: 5 })]);
    sync.start();
    return { store, sync, other, writing };
  };

  test('is recognised, even where others have written since, and nothing is lost', async (context) => {
    const { store, sync } = await lost(context);
    await assert.rejects(sync.flush(), EndpointReset);
    assert.deepEqual(notes((await store.readAllEvents()).events), [1, 2, 3, 4, 5]);
  });

  test('is given what it lost, where the app says so', async (context) => {
    const { store, sync, other, writing } = await lost(context, { recover: 'repush' });
    await sync.flush();
    const { events } = await store.readAllEvents();
    assert.deepEqual(
      events.map(({ position, payload }) => [position, payload.note]),
      [1, 2, 'x', 'y', 'z', 3, 4, 5].map((note, index) => [index + 1, note]),
    );
    await writing.syncNow();
    assert.deepEqual(notes((await other.readAllEvents()).events), notes(events));
  });
});
