// The rows, as they run in a page: each takes an adapter and answers with a number.

import { payload } from '../support/payload.mjs';

/** How long a row that counts goes on, in milliseconds. */
const ROW_MS = 600;
const STREAMS = 50;
const COMMIT = 100;
const PAGE = 1_000;
/** How long a new browser is left to itself before it is measured: it loads pages of its own, on the same processors. */
const STARTING_MS = 1_500;
/**
 * How long a store that was filled is left to itself before it is read, in milliseconds: an app mostly reads what was
 * written some time ago, and stores as well as browsers tidy up when they have written.
 */
const SETTLING_MS = 1_000;

const passed = (ms) => new Promise((over) => setTimeout(over, ms));

const event = (number) => ({ type: 'OrderPlaced', payload: payload(number) });

const batch = (from, count) => Array.from({ length: count }, (_, index) => event(from + index));

/**
 * Calls `step` with the events so far until the time is over; answers with events per second. Before that it is called
 * for as long without being counted: engines compile what runs often, JavaScript as well as wasm.
 */
async function rate(step) {
  let events = 0;
  const goOn = async () => {
    const [began, before] = [performance.now(), events];
    do events += await step(events);
    while (performance.now() - began < ROW_MS);
    return ((events - before) * 1_000) / (performance.now() - began);
  };
  await goOn();
  return goOn();
}

async function using(adapter, name, durability, work) {
  const store = await adapter.open(name, durability);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** The single appends of a durability, each after the one before. */
const sequential = (durability) => (adapter) =>
  using(adapter, `sequential-${durability}`, durability, async (store) => {
    let version = 0;
    const append = async () => {
      await store.append('stream', version, [event(version)]);
      version += 1;
      return 1;
    };
    return rate(append);
  });

/** So many appends at once to each of the streams, again and again. */
const atOnce = (each) => (adapter) =>
  using(adapter, `at-once-${each}`, 'relaxed', async (store) => {
    let version = 0;
    const round = async () => {
      const writes = [];
      for (let more = 0; more < each; more += 1) {
        for (let stream = 0; stream < STREAMS; stream += 1) {
          writes.push(store.append(`stream-${stream}`, version + more, [event(version)]));
        }
      }
      await Promise.all(writes);
      version += each;
      return writes.length;
    };
    return rate(round);
  });

/** Fills a store by commits of 100, `streams` in turn. */
async function fill(store, count, streams) {
  for (let at = 0; at < count / COMMIT; at += 1) {
    const version = Math.floor(at / streams) * COMMIT;
    await store.append(`stream-${at % streams}`, version, batch(at * COMMIT, COMMIT));
  }
}

function expectEvents(events, count) {
  const last = events.at(-1);
  if (events.length !== count || last?.payload?.customer?.name !== 'Ada Lovelace') {
    throw new Error(`${events.length} events were read, not ${count}`);
  }
}

async function readByPages(store, count) {
  let cursor = 0;
  for (let read = 0; read < count; read += PAGE) {
    const page = await store.readFeed(cursor, PAGE);
    expectEvents(page.events, PAGE);
    cursor = page.cursor;
  }
  return count;
}

const rows = {
  sequential: sequential('relaxed'),
  strict: sequential('strict'),
  streams: atOnce(1),
  burst: atOnce(20),
  commits: (adapter) =>
    using(adapter, 'commits', 'relaxed', (store) =>
      rate(async (events) => {
        await store.append('stream', events, batch(events, COMMIT));
        return COMMIT;
      }),
    ),
  stream: (adapter) =>
    using(adapter, 'stream', 'relaxed', async (store) => {
      await fill(store, 10_000, 1);
      await passed(SETTLING_MS);
      return rate(async () => {
        const events = await store.readStream('stream-0');
        expectEvents(events, 10_000);
        return events.length;
      });
    }),
  feed: (adapter) =>
    using(adapter, 'feed', 'relaxed', async (store) => {
      await fill(store, 10_000, 10);
      await passed(SETTLING_MS);
      return rate(() => readByPages(store, 10_000));
    }),
  singles: (adapter) =>
    using(adapter, 'singles', 'relaxed', async (store) => {
      for (let version = 0; version < 2_000; version += 1) {
        await store.append('stream', version, [event(version)]);
      }
      await passed(SETTLING_MS);
      return rate(() => readByPages(store, 2_000));
    }),
};

/** An adapter of this suite, or another suite's by its path. */
const load = (adapter) => import(adapter.includes('/') ? `../${adapter}.mjs` : `./adapters/${adapter}.mjs`);

export const measure = async ({ adapter, row }) => rows[row](await load(adapter));

/** Fills the database that is opened later. */
export const prepare = async ({ adapter, count }) =>
  using(await load(adapter), 'opened', 'relaxed', (store) => fill(store, count, 100));

/** Milliseconds from nothing, not even the program, to the first page of events. */
export async function opening({ adapter }) {
  await passed(STARTING_MS);
  const began = performance.now();
  const { open } = await load(adapter);
  const store = await open('opened', 'relaxed');
  expectEvents(await store.readStream('stream-7').then((events) => events.slice(-10)), 10);
  const took = performance.now() - began;
  await store.close();
  return took;
}
