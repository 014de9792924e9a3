// What is measured, as it runs in a page.

import { EventStore } from 'eventcore-web';
import { payload } from '../support/payload.mjs';

const STREAMS = 1_000;
const NAME = 'replica';

const syncing = (store, { url, space }) => store.sync({ url, space, onConflict: () => 'park' });

/** Becomes a replica, and then writes commits that wait. */
export async function write({ url, space, commits }) {
  const store = await EventStore.open(NAME);
  const sync = syncing(store, { url, space });
  await sync.syncNow();
  sync.stop();
  const writing = Array.from({ length: commits }, (_, at) =>
    store.writeEvents([
      {
        streamId: `stream-${at % STREAMS}`,
        type: 'OrderPlaced',
        payload: payload(at),
        expectedVersion: Math.floor(at / STREAMS),
      },
    ]),
  );
  await Promise.all(writing);
  await store.close();
}

/** Milliseconds from the start of the sync until nothing waits. */
export async function push({ url, space, commits }) {
  const store = await EventStore.open(NAME);
  const began = performance.now();
  const sync = syncing(store, { url, space });
  await sync.flush();
  const took = performance.now() - began;
  if (sync.status.confirmed !== commits) throw new Error(`${sync.status.confirmed} are confirmed`);
  await store.close();
  return took;
}

/** Milliseconds from the start of the sync until everything is here. */
export async function pull({ url, space }) {
  const store = await EventStore.open(NAME);
  const began = performance.now();
  const sync = syncing(store, { url, space });
  const { confirmed, head } = await sync.syncNow();
  const took = performance.now() - began;
  if (confirmed !== head || confirmed === 0) throw new Error(`${confirmed} of ${head} are here`);
  await store.close();
  return took;
}

/** Milliseconds in which the records that are there are put into another database, in one transaction. */
export async function byHand() {
  const database = await opened(NAME);
  const stores = [...database.objectStoreNames];
  const reading = database.transaction(stores, 'readonly');
  const contents = await Promise.all(
    stores.map(async (store) => {
      const [keys, values] = ['getAllKeys', 'getAll'].map((read) => done(reading.objectStore(store)[read]()));
      return { store, keys: await keys, values: await values };
    }),
  );
  const plain = await opened('by-hand', (upgraded) => {
    for (const store of stores) upgraded.createObjectStore(store);
  });
  const began = performance.now();
  const writing = plain.transaction(stores, 'readwrite', { durability: 'strict' });
  const complete = new Promise((resolve, reject) => {
    writing.oncomplete = resolve;
    writing.onabort = () => reject(writing.error);
  });
  for (const { store, keys, values } of contents) {
    keys.forEach((key, at) => {
      writing.objectStore(store).put(values[at], key);
    });
  }
  writing.commit();
  await complete;
  return performance.now() - began;
}

function opened(name, upgrade = () => {}) {
  const request = indexedDB.open(name);
  request.onupgradeneeded = () => upgrade(request.result);
  return done(request);
}

function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
