// What a sync meets at an endpoint that knows better: conflicts, and how they are resolved; a backup that was put back.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EndpointReset, VersionConflict } from 'eventcore-web';
import pg from 'pg';
import { noted, notes, replicating, until } from '../support/replicas.mjs';

const { world, replica } = replicating();

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
    const database = new pg.Client({ connectionString: world.postgres.url });
    await database.connect();
    await database.query('delete from eventcore.events where space = $1 and position > $2', [
      world.space,
      head,
    ]);
    await database.query('update eventcore.spaces set head = $2 where space = $1', [world.space, head]);
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
