// Replicas in a page, and what a test does with them: names in, JSON out.

import { EventStore } from '/index.js';

const PATIENCE_MS = 90_000;

/** @type {Map<string, any>} */
const opened = new Map();

const noted = (streamId, expectedVersion, payload) => ({ streamId, type: 'Noted', expectedVersion, payload });
const notes = (events) => events.map(({ payload }) => payload.note);
const of = (name) => opened.get(name);

/** Waits until the status is as wanted, field by field. */
function until({ sync }, wanted) {
  return new Promise((resolve, reject) => {
    let leave = () => {};
    const alarm = setTimeout(() => {
      leave();
      reject(new Error(`waited for ${JSON.stringify(wanted)}, it is ${JSON.stringify(sync.status)}`));
    }, PATIENCE_MS);
    const isWanted = (status) => Object.entries(wanted).every(([field, value]) => status[field] === value);
    const look = (status) => {
      if (!isWanted(status)) return;
      clearTimeout(alarm);
      queueMicrotask(() => leave());
      resolve(status);
    };
    leave = sync.subscribe(look);
  });
}

globalThis.replicas = {
  /**
   * Opens a store and syncs it. `answers` are given to its conflicts, in turn; without them there is no resolver.
   * What it was asked stands in `asked`.
   */
  async open(name, { answers, start = true, ...options }) {
    let emptied = null;
    const onDataLoss = (message) => {
      emptied = message;
    };
    const store = await EventStore.open(name, { onDataLoss });
    const replica = { store, emptied, asked: [], sync: undefined };
    const onConflict = async (conflict) => {
      replica.asked.push({
        streams: conflict.streams,
        remote: notes(conflict.remoteEvents),
        local: notes(conflict.localEvents),
      });
      const answer = answers.shift();
      if (answer === 'throw') throw new Error('not today');
      // The test decides when; meanwhile others may write.
      if (answer === 'rebase later') {
        await new Promise((resolve) => {
          replica.decide = resolve;
        });
        return 'rebase';
      }
      if (typeof answer !== 'object') return answer;
      return { replace: [noted(answer.streamId, 'any', { note: answer.note })] };
    };
    opened.set(name, replica);
    replica.sync = store.sync({ pollInterval: 500, ...options, ...(answers && { onConflict }) });
    if (!start) replica.sync.stop();
    return replica.sync.status;
  },
  /** Why the browser emptied its databases before the store was opened, or null. */
  emptied: (name) => of(name).emptied,
  async close(name) {
    await of(name).store.close();
  },
  write: (name, streamId, expectedVersion, note) =>
    of(name).store.writeEvents([noted(streamId, expectedVersion, { note })]),
  /** So many commits of one event, all at once. */
  async writeMany(name, count, bytes, from = 0) {
    const writing = Array.from({ length: count }, (_, at) =>
      of(name).store.writeEvents([
        noted(`stream-${at % 10}`, 'noCheck', { note: from + at, text: 'x'.repeat(bytes) }),
      ]),
    );
    await Promise.all(writing);
  },
  status: (name) => of(name).sync.status,
  until: (name, wanted) => until(of(name), wanted),
  /** Resolves when it leads, with the moment. */
  async leads(name) {
    await until(of(name), { leader: true });
    return Date.now();
  },
  start: (name) => of(name).sync.start(),
  async stop(name) {
    of(name).sync.stop();
    await until(of(name), { state: 'stopped' });
  },
  syncNow: (name) => of(name).sync.syncNow(),
  /** The code of its failure; null where there is none. */
  flush: (name) =>
    of(name)
      .sync.flush()
      .then(
        () => null,
        ({ code }) => code,
      ),
  async feed(name) {
    const { events } = await of(name).store.readAllEvents({ maxEvents: 10_000 });
    return events.map(({ position, streamId, version, payload }) => [
      position,
      streamId,
      version,
      payload.note,
    ]);
  },
  async conflicts(name) {
    const conflicts = await of(name).sync.conflicts();
    return conflicts.map(({ commitId, streams, remoteEvents, localEvents }) => {
      return { commitId, streams, remote: notes(remoteEvents), local: notes(localEvents) };
    });
  },
  resolve: (name, commitId, resolution) => of(name).sync.resolve(commitId, resolution),
  asked: (name) => of(name).asked,
  /** Waits until so much was asked. */
  async isAsked(name, count) {
    while (of(name).asked.length < count) await new Promise((resolve) => setTimeout(resolve, 10));
  },
  decide: (name) => of(name).decide(),
};
