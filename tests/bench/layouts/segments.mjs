// What the layouts share whose records hold several events, as one text.

import { answer, end, records } from '../store/adapters/hand.mjs';

export { answer, end, records };

/** @param {string} name @param {(database: IDBDatabase) => void} upgrade @returns {Promise<IDBDatabase>} */
export function connect(name, upgrade) {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => upgrade(request.result);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** A record of events that begin at a position. */
export function segment(first, events) {
  const last = new Map(events.map(({ streamId, version }) => [streamId, version]));
  return { p: first, n: events.length, s: [...last], m: [Date.now() >> 4], t: JSON.stringify(events) };
}

export const parse = ({ p, t }) => JSON.parse(t).map((event, index) => ({ ...event, position: p + index }));

/** Readings of a log of segments, `tail` behind it. */
export const reading = (database, { stream, tail = () => [] }) => ({
  async readStream(streamId) {
    const log = database.transaction('log').objectStore('log');
    const keys = await stream(log, streamId);
    const found = await Promise.all(keys.map((key) => answer(log.get(key))));
    return [...found, ...tail()].flatMap(parse).filter((event) => event.streamId === streamId);
  },
  async readFeed(after, limit) {
    const log = database.transaction('log').objectStore('log');
    const range = IDBKeyRange.bound(Math.max(after - 126, 0), after + limit);
    const found = await answer(log.getAll(range));
    const page = [...found, ...tail()].filter(({ p, n }) => p + n > after + 1).flatMap(parse);
    const events = page.filter(({ position }) => position > after).slice(0, limit);
    return { events, cursor: events.at(-1)?.position ?? after };
  },
  close: async () => database.close(),
});
