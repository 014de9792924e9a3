// RxDB on its storage over Dexie: a document for each event, whose key is its stream and version.

import { createRxDatabase, getRxStorageDexie } from 'rxdb';
import { records } from './hand.mjs';

export const title = 'RxDB on Dexie';

const whole = { type: 'integer', minimum: 0, maximum: 2 ** 53 - 1, multipleOf: 1 };
const text = { type: 'string', maxLength: 100 };

const SCHEMA = {
  version: 0,
  type: 'object',
  primaryKey: { key: 'key', fields: ['streamId', 'version'], separator: '|' },
  properties: {
    key: text,
    position: whole,
    streamId: text,
    version: whole,
    id: { type: 'string' },
    type: { type: 'string' },
    occurredAt: { type: 'string' },
    payload: { type: 'object' },
    metadata: { type: 'object' },
  },
  required: ['key', 'position', 'streamId', 'version', 'id', 'type', 'occurredAt', 'payload', 'metadata'],
  indexes: ['position', ['streamId', 'version']],
};

export async function open(name) {
  const database = await createRxDatabase({ name, storage: getRxStorageDexie(), multiInstance: false });
  const { events: collection } = await database.addCollections({ events: { schema: SCHEMA } });
  const read = async (selector, sort, limit) => {
    const found = await collection.find({ selector, sort: [{ [sort]: 'asc' }], limit }).exec();
    return found.map((document) => document.toJSON());
  };
  const [last] = await collection.find({ sort: [{ position: 'desc' }], limit: 1 }).exec();
  let position = last?.position ?? 0;
  let readings = 0;
  return {
    async append(streamId, version, events) {
      const written = records(streamId, version, events).map((record) => {
        position += 1;
        return { ...record, position };
      });
      if (written.length === 1) return collection.insert(written[0]);
      const { error } = await collection.bulkInsert(written);
      if (error.length > 0) throw new Error(`${error[0].documentId}: ${error[0].status}`);
    },
    readStream(streamId) {
      // A query that was asked before is answered from memory: none is asked twice.
      readings += 1;
      return read({ streamId, version: { $lt: 2 ** 52 + readings } }, 'version');
    },
    async readFeed(after, limit) {
      readings += 1;
      const events = await read({ position: { $gt: after, $lt: 2 ** 52 + readings } }, 'position', limit);
      return { events, cursor: events.at(-1)?.position ?? after };
    },
    close: () => database.close(),
  };
}
