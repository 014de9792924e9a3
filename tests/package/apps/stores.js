// Stores beside each other, and stores that close themselves.

import { EventStore } from 'eventcore-web';

const noted = (text, expectedVersion) => ({
  streamId: 'note',
  type: 'Noted',
  payload: { text },
  expectedVersion,
});
const textsOf = async (store) =>
  (await store.readStream('note')).events.map((event) => event.payload.text).join();
const codeOf = (work) =>
  work.then(
    () => 'went well',
    (error) => error.code,
  );

/** Two stores with the same streams, each with its own steps; then one is closed and the other goes on. */
export async function two() {
  const loud = { Noted: [({ text }) => ({ text: text.toUpperCase() })] };
  const [one, other] = await Promise.all([
    EventStore.open(`one-${Math.random()}`),
    EventStore.open(`other-${Math.random()}`, { upcasters: loud }),
  ]);
  // Of schema 1 in one store, which knows of no other; of schema 2 in the other.
  await Promise.all([
    one.writeEvents([noted('one', 'noStream')]),
    other.writeEvents([noted('other', 'noStream')]),
  ]);
  const again = await EventStore.open(other.name, { upcasters: loud });
  const followed = again.subscribe()[Symbol.asyncIterator]();
  await followed.next();
  await one.close();
  const waiting = followed.next();
  await other.writeEvents([noted('again', 1)]);
  const { value } = await waiting;
  await other.close();
  const result = {
    closed: await codeOf(one.readStream('note')),
    texts: await textsOf(again),
    followed: value.payload.text,
    written: await codeOf(again.writeEvents([noted('more', 2)])),
  };
  await again.close();
  return result;
}

/** What is left of a store, a subscription and a sync behind the block that they were declared in. */
export async function used() {
  const kept = {};
  {
    await using store = await EventStore.open(`using-${Math.random()}`);
    await store.writeEvents([noted('kept', 'noStream')]);
    await using events = store.subscribe();
    // Nobody listens there.
    using sync = store.sync({ url: 'http://127.0.0.1:9', space: 's' });
    await events.next();
    Object.assign(kept, { store, events, sync });
  }
  const { store, events, sync } = kept;
  const stopped = await new Promise((resolve) => {
    const stop = sync.subscribe(({ state }) => {
      if (state !== 'stopped') return;
      resolve(state);
      queueMicrotask(() => stop());
    });
  });
  const result = {
    store: await codeOf(store.readStream('note')),
    events: (await events.next()).done,
    sync: stopped,
  };
  await using again = await EventStore.open(store.name);
  return { ...result, kept: await textsOf(again) };
}

/** A deletion that somebody who does not let go holds up, until it is called off. */
export async function calledOff() {
  const store = await EventStore.open(`held-${Math.random()}`);
  await store.close();
  const held = await new Promise((resolve, reject) => {
    const request = indexedDB.open(store.name);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const abort = new AbortController();
  held.onversionchange = () => abort.abort(new Error('the user left'));
  const message = await EventStore.delete(store.name, { signal: abort.signal }).catch((error) => error.message);
  held.close();
  return message;
}
