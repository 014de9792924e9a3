// IndexedDB by hand, the usual way: a record per event, a unique index on stream and version.

export const title = 'IndexedDB by hand';

export function openDatabase(name) {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => {
      const options = { keyPath: 'position', autoIncrement: true };
      const events = request.result.createObjectStore('events', options);
      events.createIndex('stream', ['streamId', 'version'], { unique: true });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

export const answer = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

export const end = (transaction) =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });

/** What every competitor that keeps records keeps of an event. */
export function records(streamId, version, events) {
  const correlationId = crypto.randomUUID();
  return events.map((event, index) => ({
    ...event,
    id: crypto.randomUUID(),
    streamId,
    version: version + index + 1,
    metadata: { correlationId },
    occurredAt: new Date().toISOString(),
  }));
}

export function reading(database) {
  const events = () => database.transaction('events').objectStore('events');
  return {
    readStream: (streamId) =>
      answer(
        events()
          .index('stream')
          .getAll(IDBKeyRange.bound([streamId, 0], [streamId, Number.POSITIVE_INFINITY])),
      ),
    async readFeed(after, limit) {
      const page = await answer(events().getAll(IDBKeyRange.lowerBound(after, true), limit));
      return { events: page, cursor: page.at(-1)?.position ?? after };
    },
    close: async () => database.close(),
  };
}

export async function open(name, durability) {
  const database = await openDatabase(name);
  return {
    ...reading(database),
    append(streamId, version, events) {
      const transaction = database.transaction('events', 'readwrite', { durability });
      const store = transaction.objectStore('events');
      for (const record of records(streamId, version, events)) store.add(record);
      return end(transaction);
    },
  };
}
