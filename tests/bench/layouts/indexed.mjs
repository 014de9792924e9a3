// A record for each transaction, found by two indexes; each transaction reads the state, and writes it.

import { answer, connect, end, reading, records, segment } from './segments.mjs';

export async function open(name, durability) {
  const database = await connect(name, (upgraded) => {
    const log = upgraded.createObjectStore('log');
    log.createIndex('streams', 's', { multiEntry: true });
    log.createIndex('moments', 'm', { multiEntry: true });
    upgraded.createObjectStore('meta');
  });
  return {
    ...reading(database, {
      stream: (log, streamId) =>
        answer(log.index('streams').getAllKeys(IDBKeyRange.bound([streamId, 0], [streamId, Infinity]))),
    }),
    async append(streamId, version, events) {
      const transaction = database.transaction(['log', 'meta'], 'readwrite', { durability });
      const ended = end(transaction);
      const meta = transaction.objectStore('meta');
      const head = (await answer(meta.get('state'))) ?? 0;
      const written = records(streamId, version, events);
      transaction.objectStore('log').add(segment(head + 1, written), head + 1);
      meta.put(head + written.length, 'state');
      transaction.commit();
      await ended;
    },
  };
}
