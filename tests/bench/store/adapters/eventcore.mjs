// This package as it is published, its wasm module included.

import { EventStore } from 'eventcore-web';

export const title = 'eventcore-web';

export async function open(name, durability) {
  const store = await EventStore.open(name, { durability });
  return {
    append: (streamId, version, events) =>
      store.writeEvents(
        events.map((event, index) => ({ ...event, streamId, expectedVersion: version + index })),
      ),
    readStream: async (streamId) => (await store.readStream(streamId)).events,
    readFeed: (after, limit) => store.readAllEvents({ after, maxEvents: limit }),
    close: () => store.close(),
  };
}
