// The hooks keep the events' types.

import { EventStore, type Sync } from 'eventcore-web';
import { useProjection, useStream, useSyncStatus } from 'eventcore-web/react';

type Shop = { OrderPlaced: { item: string } };

export function Orders({ store, sync }: { store: EventStore<Shop> | null; sync?: Sync<Shop> | undefined }) {
  const { events, loading } = useStream(store, 'order-1');
  const count = useProjection(store, { initial: 0, apply: (sum, event) => sum + event.payload.item.length });
  const status = useSyncStatus(sync);
  // @ts-expect-error there is no such field
  events[0]?.payload.price;
  return <p title={status?.state}>{loading ? '…' : `${events.map((event) => event.payload.item)} ${count.state + 1}`}</p>;
}
