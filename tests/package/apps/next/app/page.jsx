'use client';

// A client component: rendered on the server first, then it opens its store and syncs with this very app.

import { EventStore } from 'eventcore-web';
import { useStream } from 'eventcore-web/react';
import { useEffect, useState } from 'react';
import { shop } from '../../app.js';

export default function Page() {
  const [store, setStore] = useState(null);
  const [done, setDone] = useState(null);
  const { version, loading } = useStream(store, 'order-1');
  useEffect(() => {
    let opened;
    async function run() {
      const result = await shop();
      opened = await EventStore.open('next');
      setStore(opened);
      const order = { streamId: 'order-1', type: 'OrderPlaced', payload: { item: 'tea' } };
      await opened.writeEvents([{ ...order, expectedVersion: 'noStream' }]);
      await opened.sync({ url: `${location.origin}/api/sync`, space: 'next' }).flush();
      const { events } = await opened.readStream('order-1');
      setDone({ ...result, position: events[0].position });
    }
    run().catch((error) => {
      globalThis.result = { error: String(error?.stack ?? error) };
    });
    return () => opened?.close();
  }, []);
  useEffect(() => {
    if (done && version > 0)
      globalThis.result = { ...done, shown: document.getElementById('order').textContent };
  }, [done, version]);
  return <p id="order">{loading ? 'loading' : version}</p>;
}
