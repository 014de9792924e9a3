// The client in Node, over the store in memory: what the TypeScript layer adds to the module.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import * as client from 'eventcore-web';
import {
  Closed,
  EventCoreError,
  EventIdReused,
  EventStore,
  InvalidBatch,
  InvalidPayload,
  InvalidStreamId,
  PayloadTooLarge,
  StorageUnavailable,
  UndecodableEvent,
  UnknownEvent,
  VersionConflict,
} from 'eventcore-web';
import * as server from 'eventcore-web/server';
import { ERROR_CLASSES, errorOf } from '../../dist/errors.js';

const open = (options = {}) => EventStore.open('test', { storage: 'memory', ...options });

const noted = (streamId, expectedVersion, payload = {}) => ({
  streamId,
  type: 'Noted',
  payload,
  expectedVersion,
});

describe('writing and reading', () => {
  test('an event comes back as it was written', async () => {
    const store = await open();
    const payload = { text: 'tea ☕', list: [1, 2.5, null, true], nested: { deep: {} } };
    const metadata = { userId: 'alice@example.com', correlationId: 'c-1', custom: { ip: '127.0.0.1' } };
    const occurredAt = new Date('2026-01-02T03:04:05.678Z');
    const result = await store.writeEvents([
      { ...noted('a', 'noStream', payload), metadata, occurredAt },
      noted('b', 'noCheck'),
    ]);
    assert.deepEqual(result.versions, { a: 1, b: 1 });
    assert.deepEqual(result.positions, { first: 1, last: 2 });
    const { version, events } = await store.readStream('a');
    assert.equal(version, 1);
    assert.deepEqual(events, [
      {
        position: 1,
        id: result.eventIds[0],
        commitId: result.commitId,
        streamId: 'a',
        version: 1,
        type: 'Noted',
        payload,
        metadata,
        occurredAt: '2026-01-02T03:04:05.678Z',
      },
    ]);
  });

  test('texts of every length arrive, whatever characters they have and wherever', async () => {
    const store = await open();
    const odd = ['', 'ä', '€', '😀', 'ä€😀'];
    const lengths = [0, 1, 20, 127, 128, 129, 300, 40_000];
    const payloads = lengths.flatMap((length) =>
      odd.flatMap((some) => [
        { text: some + 'x'.repeat(length) },
        { text: 'x'.repeat(length) + some },
        { text: `${'x'.repeat(length / 2)}${some}${'ü'.repeat(length / 2)}` },
      ]),
    );
    for (const payload of payloads) await store.writeEvents([noted('texts', 'noCheck', payload)]);
    const { events } = await store.readStream('texts');
    assert.deepEqual(
      events.map((event) => event.payload),
      payloads,
    );
  });

  test('a stream that does not exist is empty and at version 0', async () => {
    const store = await open();
    assert.deepEqual(await store.readStream('none'), { streamId: 'none', version: 0, events: [] });
  });

  test('the options select, and pages go on where they ended', async () => {
    const store = await open();
    for (let number = 1; number <= 5; number += 1) {
      await store.writeEvents([noted(number % 2 ? 'a_1' : 'aX1', 'noCheck', { number })]);
    }
    const numbers = (events) => events.map((event) => event.payload.number);
    const part = await store.readStream('a_1', { fromVersion: 2, maxEvents: 1 });
    assert.deepEqual([numbers(part.events), part.version], [[3], 3]);
    assert.deepEqual(numbers((await store.readStream('a_1', { backwards: true })).events), [5, 3, 1]);
    const literal = await store.readAllEvents({ streamPrefix: 'a_' });
    assert.deepEqual(numbers(literal.events), [1, 3, 5]);
    const first = await store.readAllEvents({ maxEvents: 2 });
    const rest = await store.readAllEvents({ after: first.cursor });
    assert.deepEqual(
      [numbers(first.events), numbers(rest.events)],
      [
        [1, 2],
        [3, 4, 5],
      ],
    );
    const last = first.events.at(-1).id;
    assert.deepEqual(numbers((await store.readAllEvents({ after: last })).events), [3, 4, 5]);
    const merged = await store.readStreamsMerged(['aX1', 'a_1'], { backwards: true, maxEvents: 3 });
    assert.deepEqual(numbers(merged), [5, 4, 3]);
    const none = await store.readAllEvents({ eventTypes: ['Never'] });
    assert.deepEqual([none.events, none.cursor], [[], 5]);
  });

  test('a subscription catches up, then follows, and ends when it is left', async () => {
    const store = await open();
    await store.writeEvents([noted('a', 'noCheck', { number: 1 })]);
    const seen = [];
    for await (const event of store.subscribe()) {
      seen.push(event.payload.number);
      if (seen.length === 3) break;
      await store.writeEvents([noted('a', 'noCheck', { number: seen.length + 1 })]);
    }
    assert.deepEqual(seen, [1, 2, 3]);
  });

  test('a subscription that waits ends by its signal and by close', async () => {
    const store = await open();
    const abort = new AbortController();
    const first = store.subscribe({ signal: abort.signal }).next();
    const second = store.subscribe();
    const waiting = second.next();
    abort.abort();
    second.close();
    assert.equal((await first).done, true);
    assert.equal((await waiting).done, true);
  });
});

describe('errors', () => {
  test('every code of the core has its class, and every class its code', async () => {
    const source = await readFile(new URL('../../src/error.rs', import.meta.url), 'utf8');
    const codes = [...source.matchAll(/=> "([A-Z_]+)"/g)].map(([, code]) => code);
    assert.ok(codes.length > 20);
    assert.deepEqual(Object.keys(ERROR_CLASSES).sort(), codes.sort());
    for (const code of codes) {
      const error = errorOf(code, 'message');
      for (const entry of [client, server]) assert.equal(entry[error.name], error.constructor, code);
      assert.ok(
        error instanceof EventCoreError && error.code === code && error.name !== 'EventCoreError',
        code,
      );
    }
  });

  test('a code that is not known here is kept', () => {
    for (const code of ['FROM_TOMORROW', 'constructor']) {
      const error = errorOf(code, 'message');
      assert.deepEqual([error.name, error.code, error.message], ['Internal', code, 'message']);
    }
  });

  const rejects = async (write, Class, check = () => {}) => {
    const store = await open();
    await assert.rejects(write(store), (error) => {
      assert.ok(error instanceof Class, `${error} is a ${Class.name}`);
      check(error);
      return true;
    });
    assert.equal((await store.readAllEvents()).head, 0, 'nothing was written');
  };

  test('of what is written in one turn, each stands alone, and is answered with its own', async () => {
    const store = await open();
    const abort = new AbortController();
    const reason = new Error('the user left');
    const writes = [
      store.writeEvents([noted('a', 'noStream', { number: 1 })]),
      store.writeEvents([noted('a', 'noStream')]),
      store.writeEvents([noted(' a', 'noCheck')]),
      store.writeEvents([noted('a', 'noCheck', { number: 1n })]),
      store.writeEvents([noted('never', 'noCheck')], { signal: abort.signal }),
      store.writeEvents([noted('b', 'noStream', { text: 'two\nlines' }), noted('a', 1, { number: 2 })]),
    ];
    abort.abort(reason);
    const answers = await Promise.allSettled(writes);
    assert.deepEqual(
      answers.map(({ value, reason }) => value?.versions ?? reason.code ?? reason),
      [{ a: 1 }, 'VERSION_CONFLICT', 'INVALID_STREAM_ID', 'INVALID_PAYLOAD', reason, { a: 2, b: 1 }],
    );
    assert.deepEqual(answers[1].reason.streams, [{ streamId: 'a', expected: 'noStream', actual: 1 }]);
    const { events } = await store.readAllEvents();
    assert.deepEqual(
      events.map(({ streamId, payload }) => [streamId, payload]),
      [
        ['a', { number: 1 }],
        ['b', { text: 'two\nlines' }],
        ['a', { number: 2 }],
      ],
    );
  });

  test('more than a call takes is written by several, in its order', async () => {
    const store = await open();
    const text = 'x'.repeat(100_000);
    const writes = Array.from({ length: 50 }, (_, number) =>
      store.writeEvents([noted('a', number, { text })]),
    );
    const answers = await Promise.all(writes);
    assert.deepEqual(
      answers.map(({ positions }) => positions.first),
      Array.from({ length: 50 }, (_, number) => number + 1),
    );
  });

  test('a conflict names every stream', async () => {
    await rejects(
      (store) => store.writeEvents([noted('a', 3), noted('b', 'any')]),
      VersionConflict,
      ({ streams }) =>
        assert.deepEqual(streams, [
          { streamId: 'a', expected: 3, actual: 0 },
          { streamId: 'b', expected: 'any', actual: 0 },
        ]),
    );
  });

  test('what contradicts itself, says nothing or is too large is refused', async () => {
    await rejects((store) => store.writeEvents([]), InvalidBatch);
    await rejects((store) => store.writeEvents([noted('a', 1), noted('a', 5)]), InvalidBatch);
    await rejects((store) => store.writeEvents([noted('a', undefined)]), InvalidBatch);
    await rejects((store) => store.writeEvents([noted(' a', 'noCheck')]), InvalidStreamId);
    const large = 'x'.repeat((1 << 20) + 1);
    await rejects(
      (store) => store.writeEvents([noted('a', 'noCheck', large)]),
      PayloadTooLarge,
      ({ what, limit, unit }) => assert.deepEqual([what, limit, unit], ['payload', 1 << 20, 'bytes']),
    );
  });

  test('what JSON or PostgreSQL cannot carry is refused with its path', async () => {
    const circle = {};
    circle.self = circle;
    const sparse = [1];
    sparse[2] = 3;
    for (const [payload, path] of [
      [undefined, '$'],
      [{ a: [1, { b: undefined }] }, '$.a[1].b'],
      [{ a: () => 1 }, '$.a'],
      [{ a: 1n }, '$.a'],
      [{ a: Number.NaN }, '$.a'],
      [[Number.POSITIVE_INFINITY], '$[0]'],
      [circle, '$.self'],
      [sparse, '$[1]'],
      [{ map: new Map() }, '$.map'],
      [{ text: 'a\u0000b' }, '$.text'],
      [{ text: '\ud800' }, '$.text'],
    ]) {
      const write = (store) => store.writeEvents([{ ...noted('a', 'noCheck'), payload }]);
      await rejects(write, InvalidPayload, (error) => assert.equal(error.path, path));
    }
    const store = await open();
    const shared = { same: 1 };
    const date = new Date(0);
    await store.writeEvents([noted('a', 'noCheck', { one: shared, two: shared, date, large: 2 ** 60 })]);
    const [event] = (await store.readStream('a')).events;
    assert.deepEqual(event.payload, { one: shared, two: shared, date: date.toISOString(), large: 2 ** 60 });
  });

  test('a repeat answers with the first result; other content under the id does not', async () => {
    const store = await open();
    const id = '0190f5fe-7c00-7a00-8000-000000000001';
    const event = { ...noted('a', 'noStream', { n: 1 }), id };
    const first = await store.writeEvents([event]);
    await store.writeEvents([noted('a', 1)]);
    assert.deepEqual(await store.writeEvents([event]), first);
    await assert.rejects(store.writeEvents([{ ...event, payload: { n: 2 } }]), EventIdReused);
    const after = '0190f5fe-7c00-7a00-8000-00000000ffff';
    await assert.rejects(store.readAllEvents({ after }), (error) => {
      assert.deepEqual([error.constructor, error.eventId], [UnknownEvent, after]);
      return true;
    });
  });

  test('a precondition guards a stream that is only read', async () => {
    const store = await open();
    const batch = {
      events: [noted('a', 'noStream')],
      preconditions: [{ streamId: 'b', expectedVersion: 'any' }],
    };
    await assert.rejects(store.writeEvents(batch), VersionConflict);
    await store.writeEvents([noted('b', 'noStream')]);
    await store.writeEvents(batch);
  });

  test('without IndexedDB the answer says what to pass', async () => {
    await assert.rejects(EventStore.open('x'), (error) => {
      assert.ok(error instanceof StorageUnavailable);
      assert.match(error.message, /storage: 'memory'/);
      return true;
    });
  });

  test('a closed store says so', async () => {
    const store = await open();
    await store.close();
    await assert.rejects(store.readStream('a'), Closed);
    await assert.rejects(store.writeEvents([noted('a', 'noCheck')]), Closed);
  });
});

describe('evolution', () => {
  const registered = (payload) => ({
    streamId: 'u',
    type: 'Registered',
    payload,
    expectedVersion: 'noCheck',
  });

  test('stored events of every earlier schema are read at the newest, and a newer one is named', async () => {
    // The app grows by a step at a time; the store reads its chain with every call.
    const steps = [];
    const store = await open({ upcasters: { Registered: steps } });
    await store.writeEvents([registered({ name: 'a' })]);
    steps.push((payload) => ({ ...payload, referral: null }));
    await store.writeEvents([registered({ name: 'b', referral: 'a' })]);
    steps.push(({ referral, ...payload }) => ({ ...payload, referredBy: referral ?? 'nobody' }));
    await store.writeEvents([registered({ name: 'c', referredBy: 'b' })]);

    const { events } = await store.readStream('u');
    assert.deepEqual(
      events.map((event) => [event.metadata.schemaVersion, event.payload]),
      [
        [undefined, { name: 'a', referredBy: 'nobody' }],
        [2, { name: 'b', referredBy: 'a' }],
        [3, { name: 'c', referredBy: 'b' }],
      ],
    );
    const followed = [];
    for await (const event of store.subscribe()) {
      if (followed.push(event.payload.referredBy) === 3) break;
    }
    assert.deepEqual(followed, ['nobody', 'a', 'b']);

    steps.pop();
    await assert.rejects(store.readAllEvents(), (error) => {
      assert.ok(error instanceof UndecodableEvent);
      assert.deepEqual([error.eventId, error.eventType], [events[2].id, 'Registered']);
      return true;
    });
  });

  test('a step that fails names the event', async () => {
    const steps = [];
    const store = await open({ upcasters: { Registered: steps } });
    await store.writeEvents([registered({ name: 'a' })]);
    steps.push(() => {
      throw new Error('no name');
    });
    await assert.rejects(store.readStream('u'), (error) => {
      assert.match(error.message, /cannot be decoded: no name/);
      assert.deepEqual([error.constructor, error.reason], [UndecodableEvent, 'no name']);
      return true;
    });
  });
});
