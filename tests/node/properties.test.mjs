// Properties of the module in wasm, seen through the package: the version rule and the order against a model, and
// JSON there and back. A failure prints its seed and path; SEED and FC_PATH replay it.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EventStore, InvalidBatch, VersionConflict } from 'eventcore-web';
import fc from 'fast-check';

const replay = {
  numRuns: Number(process.env.RUNS ?? 200),
  ...(process.env.SEED && { seed: Number(process.env.SEED) }),
  ...(process.env.FC_PATH && { path: process.env.FC_PATH }),
};

const STREAMS = ['a', 'a_b', 'aXb', 'ä☕'];
const TYPES = ['Noted', 'Dropped'];

const withStore = async (use) => {
  const store = await EventStore.open('properties', { storage: 'memory' });
  try {
    await use(store);
  } finally {
    await store.close();
  }
};

/** A property of stores, over what is drawn. */
const holds = (arbitrary, law) => fc.assert(fc.asyncProperty(arbitrary, law), replay);

const stream = fc.constantFrom(...STREAMS);
const expected = fc.oneof(fc.nat({ max: 4 }), fc.constantFrom('noStream', 'any', 'noCheck'));

const met = (expectation, actual) =>
  ({ noStream: actual === 0, any: actual > 0, noCheck: true })[expectation] ?? expectation === actual;

/** What the next event of the stream in its batch may state: a repetition of the first, or the running version. */
const states = (first, running, said) =>
  said === first ||
  (first === 'noStream' && said === 0) ||
  (first === 0 && said === 'noStream') ||
  said === running;

/** A log that does by hand what the store should do. */
class Model {
  log = [];

  version(of) {
    return this.log.filter(({ streamId }) => streamId === of).length;
  }

  /** Answers with `conflict`, `invalid` or what was written. */
  write(batch) {
    const firsts = new Map();
    const counts = new Map();
    for (const { streamId, expectedVersion } of batch.events) {
      const count = counts.get(streamId) ?? 0;
      const first = firsts.get(streamId) ?? expectedVersion;
      const base = first === 'noStream' ? 0 : first;
      const running = typeof base === 'number' ? base + count : undefined;
      if (count > 0 && !states(first, running, expectedVersion)) return 'invalid';
      firsts.set(streamId, first);
      counts.set(streamId, count + 1);
    }
    for (const [streamId, expectedVersion] of firsts) {
      if (!met(expectedVersion, this.version(streamId))) return 'conflict';
    }
    for (const { streamId, type, payload } of batch.events) {
      const version = this.version(streamId) + 1;
      this.log.push({ streamId, type, payload, version, position: this.log.length + 1 });
    }
    return 'written';
  }
}

const outline = ({ streamId, type, payload, version, position }) => ({
  streamId,
  type,
  payload,
  version,
  position,
});

const batches = fc.array(
  fc.array(fc.tuple(stream, expected, fc.constantFrom(...TYPES), fc.nat()), { minLength: 1, maxLength: 4 }),
  { minLength: 1, maxLength: 12 },
);

const toBatch = (drawn) => ({
  events: drawn.map(([streamId, expectedVersion, type, number]) => ({
    streamId,
    expectedVersion,
    type,
    payload: { number },
  })),
});

async function outcome(writing) {
  try {
    await writing;
    return 'written';
  } catch (error) {
    if (error instanceof VersionConflict) return 'conflict';
    if (error instanceof InvalidBatch) return 'invalid';
    throw error;
  }
}

describe('the module in wasm', () => {
  test('writes and refuses as the model does, and reads what the model has', () =>
    holds(batches, (drawn) =>
      withStore(async (store) => {
        const model = new Model();
        for (const batch of drawn.map(toBatch)) {
          assert.equal(await outcome(store.writeEvents(batch)), model.write(batch));
        }
        const feed = await store.readAllEvents();
        assert.deepEqual(feed.events.map(outline), model.log);
        for (const { streamId, version, events } of await store.readStreams(STREAMS)) {
          assert.equal(version, model.version(streamId));
          assert.deepEqual(
            events.map(outline),
            model.log.filter((event) => event.streamId === streamId),
          );
        }
      }),
    ));

  test('selects what the model selects', () => {
    const options = fc.record(
      {
        fromVersion: fc.nat({ max: 4 }),
        toVersion: fc.nat({ max: 4 }),
        maxEvents: fc.integer({ min: 1, max: 6 }),
        backwards: fc.boolean(),
        after: fc.nat({ max: 12 }),
        eventTypes: fc.subarray(TYPES, { minLength: 1 }),
        streamPrefix: fc.constantFrom('', 'a', 'a_', 'aX', 'ä', '%'),
      },
      { requiredKeys: [] },
    );
    return holds(fc.tuple(batches, options), ([drawn, asked]) =>
      withStore(async (store) => {
        const model = new Model();
        for (const batch of drawn.map(toBatch)) {
          await outcome(store.writeEvents(batch));
          model.write(batch);
        }
        const { fromVersion = 0, toVersion = Number.MAX_SAFE_INTEGER, maxEvents, backwards, after } = asked;
        const wanted = model.log.filter(
          (event) =>
            event.version >= fromVersion &&
            event.version <= toVersion &&
            (asked.eventTypes ?? TYPES).includes(event.type) &&
            event.streamId.startsWith(asked.streamPrefix ?? '') &&
            (after === undefined || (backwards ? event.position < after : event.position > after)),
        );
        if (backwards) wanted.reverse();
        const feed = await store.readAllEvents(asked);
        assert.deepEqual(feed.events.map(outline), wanted.slice(0, maxEvents));
      }),
    );
  });

  test('JSON comes back as it went in', () => {
    const text = fc.string({ unit: 'grapheme' }).filter((value) => !value.includes('\0'));
    const json = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constant(null),
        fc.boolean(),
        text,
        fc.maxSafeInteger(),
        fc.double({ noNaN: true, noDefaultInfinity: true }).filter((number) => Math.abs(number) < 2 ** 53),
        fc.array(tie('value'), { maxLength: 5 }),
        fc.dictionary(text, tie('value'), { maxKeys: 5, noNullPrototype: true }),
      ),
    })).value;
    return holds(
      fc.tuple(json, fc.dictionary(text, json, { maxKeys: 3, noNullPrototype: true })),
      ([payload, custom]) =>
        withStore(async (store) => {
          await store.writeEvents([
            { streamId: 'a', type: 'Noted', payload, metadata: { custom }, expectedVersion: 'noCheck' },
          ]);
          const [event] = (await store.readStream('a')).events;
          // JSON has one zero.
          assert.equal(JSON.stringify(event.payload), JSON.stringify(payload));
          assert.deepEqual(event.metadata.custom ?? {}, JSON.parse(JSON.stringify(custom)));
        }),
    );
  });

  test('ids increase, as text too, whoever asks for them', () =>
    holds(fc.array(fc.boolean(), { maxLength: 50 }), (writes) =>
      withStore(async (store) => {
        let last = '';
        for (const write of writes) {
          const event = { streamId: 'a', type: 'Noted', payload: {}, expectedVersion: 'noCheck' };
          const id = write ? (await store.writeEvents([event])).eventIds[0] : store.newId();
          assert.ok(id > last, `${id} after ${last}`);
          last = id;
        }
      }),
    ));
});
