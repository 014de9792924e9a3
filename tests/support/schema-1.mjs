// A database as the first schema had it, written as that version wrote it: a record of the log for each commit, the
// state as one text in a store of its own.

/**
 * In a page: makes it, with as many commits of one event, over three streams in turn.
 * @param {{ name: string, events: number }} what
 * @returns {Promise<void>}
 */
export const fillSchema1 = ({ name, events }) =>
  new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onerror = () => reject(request.error);
    request.onupgradeneeded = () => {
      for (const store of ['log', 'outbox', 'meta']) request.result.createObjectStore(store);
      const log = /** @type {IDBTransaction} */ (request.transaction).objectStore('log');
      log.createIndex('streams', 's', { multiEntry: true });
      log.createIndex('moments', 'm', { multiEntry: true });
    };
    request.onsuccess = () => {
      const database = request.result;
      const transaction = database.transaction(['log', 'meta'], 'readwrite');
      transaction.onabort = () => reject(transaction.error);
      transaction.oncomplete = () => resolve(database.close());
      const start = Date.UTC(2026, 0, 1);
      const id = (millis, number) => {
        const time = millis.toString(16).padStart(12, '0');
        return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${number.toString(16).padStart(12, '0')}`;
      };
      for (let number = 0; number < events; number += 1) {
        const [streamId, version, millis] = [
          `s-${number % 3}`,
          Math.floor(number / 3) + 1,
          start + number * 5,
        ];
        const eventId = id(millis, 2 * number);
        const text = {
          streams: [streamId],
          types: ['Noted'],
          commits: [
            {
              id: id(millis, 2 * number + 1),
              expected: [[streamId, version - 1]],
              events: [[eventId, 0, version, 0, millis, { correlationId: eventId }, { number }]],
            },
          ],
        };
        const record = {
          p: number + 1,
          n: 1,
          s: [[streamId, version]],
          m: [Math.floor(millis / 16)],
          t: JSON.stringify(text),
        };
        transaction.objectStore('log').add(record, number + 1);
      }
      const state = {
        changes: events,
        head: events,
        clock: id(start + events * 5, 2 * events),
        next: 0,
        space: null,
        backendId: null,
        pendingCommits: 0,
        pendingEvents: 0,
      };
      transaction.objectStore('meta').put(JSON.stringify(state), 'state');
    };
  });
