// A page of React, strict and concurrent, over a store that arrives late.

import { EventStore } from 'eventcore-web';
import { useProjection, useStream, useSyncStatus } from 'eventcore-web/react';
import { StrictMode, startTransition, useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';

function Order({ store, sync, streamId }) {
  const stream = useStream(store, streamId);
  // Written in place: another function with every rendering.
  const total = useProjection(store, { initial: 0, apply: (sum, event) => sum + event.payload.amount });
  const status = useSyncStatus(sync);
  return (
    <ul id={streamId} data-renderings={++globalThis.renderings}>
      <li className="stream">{stream.loading ? 'loading' : `${stream.version}: ${stream.events.length}`}</li>
      <li className="pending">{stream.events.filter((event) => event.position === null).length}</li>
      <li className="total">{total.loading ? 'loading' : total.state}</li>
      <li className="sync">{status?.state ?? 'none'}</li>
      <li className="error">{String(stream.error ?? total.error ?? '')}</li>
    </ul>
  );
}

function App() {
  const [store, setStore] = useState(null);
  const [sync, setSync] = useState(null);
  const [shown, setShown] = useState(['a']);
  useEffect(() => {
    EventStore.open('react').then((opened) => {
      Object.assign(globalThis, { store: opened, setSync, setShown: (ids) => startTransition(() => setShown(ids)) });
      setStore(opened);
    });
  }, []);
  return shown.map((streamId) => <Order key={streamId} store={store} sync={sync} streamId={streamId} />);
}

globalThis.renderings = 0;
createRoot(document.getElementById('root')).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
