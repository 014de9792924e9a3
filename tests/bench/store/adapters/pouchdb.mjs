// PouchDB on IndexedDB: a document for each event, whose id is its stream and version, and the changes as the feed.

import PouchDB from 'pouchdb-browser';
import { records } from './hand.mjs';

export const title = 'PouchDB';

// PouchDB flushes as the browser does where nobody says how.
export async function open(name) {
  // Events do not change, so there are no revisions to keep.
  const database = new PouchDB(name, { revs_limit: 1 });
  const documents = (streamId, version, events) =>
    records(streamId, version, events).map((record) => ({
      _id: `${streamId}/${String(record.version).padStart(16, '0')}`,
      ...record,
    }));
  return {
    async append(streamId, version, events) {
      const written = documents(streamId, version, events);
      if (written.length === 1) return database.put(written[0]);
      const failed = (await database.bulkDocs(written)).find(({ error }) => error);
      if (failed) throw new Error(failed.message);
    },
    async readStream(streamId) {
      const range = { startkey: `${streamId}/`, endkey: `${streamId}/\uffff` };
      const { rows } = await database.allDocs({ ...range, include_docs: true });
      return rows.map(({ doc }) => doc);
    },
    async readFeed(after, limit) {
      const { results, last_seq } = await database.changes({ since: after, limit, include_docs: true });
      return { events: results.map(({ doc }) => doc), cursor: last_seq };
    },
    close: () => database.close(),
  };
}
