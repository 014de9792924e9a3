// A record for each transaction, without an index and added without looking, until 128 events are folded into
// records that two indexes find.

import { answer, connect, end, parse, reading, records, segment } from './segments.mjs';

const FOLD = 128;
const LARGE = 64;

export async function open(name, durability) {
  const database = await connect(name, (upgraded) => {
    const log = upgraded.createObjectStore('log');
    log.createIndex('streams', 's', { multiEntry: true });
    log.createIndex('moments', 'm', { multiEntry: true });
    upgraded.createObjectStore('tail');
  });
  let [head, key, tail] = [0, 0, []];
  return {
    ...reading(database, {
      stream: (log, streamId) =>
        answer(log.index('streams').getAllKeys(IDBKeyRange.bound([streamId, 0], [streamId, Infinity]))),
      tail: () => tail,
    }),
    async append(streamId, version, events) {
      const transaction = database.transaction(['log', 'tail'], 'readwrite', { durability });
      const ended = end(transaction);
      const written = segment(head + 1, records(streamId, version, events));
      const waiting = tail.reduce((sum, { n }) => sum + n, written.n);
      const isFolding = written.n >= LARGE || waiting >= FOLD;
      if (isFolding) {
        const all = [...tail, written].flatMap(parse);
        const size = Math.ceil(all.length / Math.ceil(all.length / FOLD));
        for (let at = 0; at < all.length; at += size) {
          const record = segment(all[at].position, all.slice(at, at + size));
          transaction.objectStore('log').add(record, record.p);
        }
        if (key > 0) transaction.objectStore('tail').delete(IDBKeyRange.upperBound(key));
      }
      const record = isFolding ? { p: head + 1, n: 0 } : written;
      transaction.objectStore('tail').add({ ...record, state: String(head + written.n) }, key + 1);
      transaction.commit();
      await ended;
      key += 1;
      head += written.n;
      tail = isFolding ? [] : [...tail, written];
    },
  };
}
