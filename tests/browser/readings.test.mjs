// Readings of the package, of which JavaScript parses a part and the module the rest: they agree with the memory's.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { damage } from '../support/damage.mjs';
import { inEachBrowser } from '../support/pages.mjs';

const load = (page) =>
  page.evaluate(async () => {
    globalThis.events = await import('/index.js');
  });

const define = (world) => {
  test('whatever is asked for, IndexedDB answers as the memory does', async () => {
    const different = await world.page.evaluate(async () => {
      const { EventStore } = globalThis.events;
      const memory = await EventStore.open('compared', { storage: 'memory' });
      const disk = await EventStore.open('compared');
      const [one, other] = ['a', 'a-1'];
      // Commits of one event and of more than a record holds, over one stream and over several.
      for (const [count, streams] of [
        [1, [one]],
        [300, [one]],
        [3, [one, other]],
        [150, [other, one, 'b']],
        [1, [other]],
      ]) {
        const events = Array.from({ length: count }, (_, index) => ({
          id: memory.newId(),
          streamId: streams[index % streams.length],
          type: index % 3 ? 'Often' : 'Seldom',
          payload: { index, text: 'ä€😀', nested: [{ deep: null }] },
          expectedVersion: 'noCheck',
          occurredAt: new Date(index * 86_400_123),
        }));
        const batch = { commitId: memory.newId(), events };
        await memory.writeEvents(batch);
        await disk.writeEvents(batch);
      }
      const some = [undefined, 1, 2, 128, 129, 301, 1_000];
      const options = [
        {},
        { backwards: true },
        { eventTypes: ['Seldom'] },
        { streamPrefix: 'a-' },
        ...some.flatMap((maxEvents) =>
          some.flatMap((number) => [
            { maxEvents, after: number },
            { maxEvents, fromVersion: number },
            { maxEvents, toVersion: number, backwards: number === 2 },
          ]),
        ),
      ].map((option) =>
        Object.fromEntries(Object.entries(option).filter(([, value]) => value !== undefined)),
      );
      const readings = (store, option) =>
        Promise.all([store.readAllEvents(option), store.readStreams([one, 'none', other, one], option)]);
      const found = [];
      for (const option of options) {
        const [expected, actual] = await Promise.all([memory, disk].map((store) => readings(store, option)));
        if (JSON.stringify(expected) !== JSON.stringify(actual)) found.push(option);
      }
      await Promise.all([memory.close(), disk.close()]);
      return { found, tried: options.length };
    });
    assert.ok(different.tried > 100);
    assert.deepEqual(different.found, []);
  });

  test('a record that is damaged is named by the package too, and the others are read', async () => {
    await world.page.evaluate(async () => {
      globalThis.store = await globalThis.events.EventStore.open('damaged');
      for (const streamId of ['sound', 'damaged']) {
        const event = { streamId, type: 'Noted', payload: {}, expectedVersion: 'noStream' };
        await globalThis.store.writeEvents([event]);
      }
    });
    await world.page.evaluate(damage, { name: 'damaged', position: 2, text: '{"commits":[]}' });
    const seen = await world.page.evaluate(async () => {
      // Opened anew: a connection does not read again what it has just written.
      await globalThis.store.close();
      const { EventStore, StorageCorrupt } = globalThis.events;
      const store = await EventStore.open('damaged');
      const thrown = (reading) => reading.catch((error) => [error instanceof StorageCorrupt, error.message]);
      const seen = {
        sound: (await store.readStream('sound')).version,
        damaged: await thrown(store.readStream('damaged')),
        first: await store.readAllEvents(),
        filtered: await store.readAllEvents({ eventTypes: ['Other'] }),
        backwards: await thrown(store.readAllEvents({ backwards: true })),
        next: await thrown(store.readAllEvents({ after: 1 })),
        nextFiltered: await thrown(store.readAllEvents({ after: 1, eventTypes: ['Other'] })),
      };
      const { damage } = await store.verify();
      seen.damage = damage.map(({ after, through }) => [after, through]);
      const later = { streamId: 'later', type: 'Noted', payload: {}, expectedVersion: 'noStream' };
      await store.writeEvents([later]);
      const behind = await store.readAllEvents({ after: damage[0].through });
      seen.behind = behind.events.map(({ streamId, position }) => [streamId, position]);
      const last = await store.readAllEvents({ backwards: true });
      seen.last = [last.events.map(({ position }) => position), last.cursor, last.complete];
      seen.before = await thrown(store.readAllEvents({ backwards: true, after: last.cursor }));
      await store.close();
      return seen;
    });
    assert.equal(seen.sound, 1);
    for (const what of ['damaged', 'backwards', 'next', 'nextFiltered', 'before']) {
      assert.equal(seen[what][0], true, what);
      assert.match(seen[what][1], /record 2 of log/, what);
    }
    // What precedes the damage is answered, and the cursor leads to it.
    const { events, cursor, complete } = seen.first;
    assert.deepEqual([events.map(({ streamId }) => streamId), cursor, complete], [['sound'], 1, false]);
    assert.deepEqual([seen.filtered.events, seen.filtered.cursor, seen.filtered.complete], [[], 1, false]);
    assert.deepEqual([seen.damage, seen.behind, seen.last], [[[1, 2]], [['later', 3]], [[3], 3, false]]);
  });
};

inEachBrowser('', define, { load });
