// What a transaction for each append costs at least: one record is added, to a store without an index, and committed.
// Nothing is checked, and nothing can be found again.

import { answer, end, records } from './hand.mjs';

export const title = 'add and commit, the limit';

export async function open(name, durability) {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => request.result.createObjectStore('events');
  const database = await answer(request);
  let next = 0;
  return {
    append(streamId, version, events) {
      const transaction = database.transaction('events', 'readwrite', { durability });
      next += 1;
      transaction.objectStore('events').add(JSON.stringify(records(streamId, version, events)), next);
      transaction.commit();
      return end(transaction);
    },
    close: async () => database.close(),
  };
}
