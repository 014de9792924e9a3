// What every app of the tests does with the package: it writes, conflicts, follows and closes, over IndexedDB.

import { EventStore, VersionConflict } from 'eventcore-web';

export async function shop(storage = 'indexeddb') {
  const store = await EventStore.open(`shop-${Math.random()}`, { storage });
  const order = {
    streamId: 'order-1',
    type: 'OrderPlaced',
    payload: { item: 'tea' },
    expectedVersion: 'noStream',
  };
  await store.writeEvents([order]);
  const conflict = await store.writeEvents([order]).catch((error) => error);
  const { version, events } = await store.readStream('order-1');
  let followed;
  for await (const event of store.subscribe()) {
    followed = event.payload;
    break;
  }
  await store.close();
  return { version, item: events[0].payload.item, followed, conflict: conflict instanceof VersionConflict };
}
