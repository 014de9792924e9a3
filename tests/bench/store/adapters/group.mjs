// IndexedDB by hand with group commit: appends that arrive while a transaction is under way share the next.

import { end, openDatabase, reading, records } from './hand.mjs';

export const title = 'by hand, group commit';

export async function open(name, durability) {
  const database = await openDatabase(name);
  let waiting = [];
  let busy = false;

  async function drain() {
    while (waiting.length > 0) {
      const group = waiting;
      waiting = [];
      const transaction = database.transaction('events', 'readwrite', { durability });
      const store = transaction.objectStore('events');
      for (const { written } of group) for (const record of written) store.add(record);
      const error = await end(transaction).then(
        () => null,
        (failure) => failure,
      );
      for (const { resolve, reject } of group) {
        if (error === null) resolve();
        else reject(error);
      }
    }
    busy = false;
  }

  return {
    ...reading(database),
    append(streamId, version, events) {
      return new Promise((resolve, reject) => {
        waiting.push({ written: records(streamId, version, events), resolve, reject });
        if (busy) return;
        busy = true;
        queueMicrotask(drain);
      });
    },
  };
}
