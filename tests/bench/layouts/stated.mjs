// A record for each transaction without an index: where a stream lies is known in memory. Each transaction reads the
// state, and writes it.

import { answer, connect, end, reading, records, segment } from './segments.mjs';

export async function open(name, durability) {
  const database = await connect(name, (upgraded) => {
    upgraded.createObjectStore('log');
    upgraded.createObjectStore('meta');
  });
  const places = new Map();
  return {
    ...reading(database, { stream: async (_, streamId) => places.get(streamId) ?? [] }),
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
      places.set(streamId, [...(places.get(streamId) ?? []), head + 1]);
    },
  };
}
