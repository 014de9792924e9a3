// Dexie, as its documentation has it: a table, a compound index, `bulkAdd` in a transaction.

import Dexie from 'dexie';
import { records } from './hand.mjs';

export const title = 'Dexie';

export async function open(name, durability) {
  const database = new Dexie(name, { chromeTransactionDurability: durability });
  database.version(1).stores({ events: '++position, &[streamId+version]' });
  await database.open();
  const { events: table } = database;
  return {
    append(streamId, version, events) {
      const written = records(streamId, version, events);
      return written.length === 1 ? table.add(written[0]) : table.bulkAdd(written);
    },
    readStream: (streamId) =>
      table.where('[streamId+version]').between([streamId, Dexie.minKey], [streamId, Dexie.maxKey]).toArray(),
    async readFeed(after, limit) {
      const events = await table.where('position').above(after).limit(limit).toArray();
      return { events, cursor: events.at(-1)?.position ?? after };
    },
    close: async () => database.close(),
  };
}
