// The npm package idb: the same records as by hand, behind promises.

import { openDB } from 'idb';
import { records } from './hand.mjs';

export const title = 'idb';

export async function open(name, durability) {
  const database = await openDB(name, 1, {
    upgrade(db) {
      const events = db.createObjectStore('events', { keyPath: 'position', autoIncrement: true });
      events.createIndex('stream', ['streamId', 'version'], { unique: true });
    },
  });
  return {
    async append(streamId, version, events) {
      const transaction = database.transaction('events', 'readwrite', { durability });
      const written = records(streamId, version, events);
      await Promise.all([...written.map((record) => transaction.store.add(record)), transaction.done]);
    },
    readStream: (streamId) =>
      database.getAllFromIndex(
        'events',
        'stream',
        IDBKeyRange.bound([streamId, 0], [streamId, Number.POSITIVE_INFINITY]),
      ),
    async readFeed(after, limit) {
      const events = await database.getAll('events', IDBKeyRange.lowerBound(after, true), limit);
      return { events, cursor: events.at(-1)?.position ?? after };
    },
    close: async () => database.close(),
  };
}
