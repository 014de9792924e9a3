// What can be followed has the types that Svelte, Solid and Vue ask for.

import { type EventStore, liveProjection, liveStream, Projection, type StreamView, type Sync, type SyncStatus } from 'eventcore-web';
import { type Accessor, from } from 'solid-js';
import type { Readable } from 'svelte/store';
import { onScopeDispose, type ShallowRef, shallowRef } from 'vue';

type Shop = { OrderPlaced: { item: string } };

export function svelte(store: EventStore<Shop>, sync: Sync<Shop>): [Readable<StreamView<Shop>>, Readable<SyncStatus>] {
  // @ts-expect-error the status is no stream
  const wrong: Readable<StreamView<Shop>> = sync;
  void wrong;
  return [liveStream(store, 'order-1'), sync];
}

export function solid(store: EventStore<Shop>): Accessor<string | undefined> {
  const order = from(liveStream(store, 'order-1'));
  return () => order()?.events[0]?.payload.item;
}

export function vue(store: EventStore<Shop>): Readonly<ShallowRef<number>> {
  const count = new Projection<number, Shop>({ initial: 0, apply: (sum) => sum + 1 });
  const live = liveProjection(store, count);
  const value = shallowRef(live.getSnapshot().state);
  onScopeDispose(
    live.subscribe(({ state }) => {
      value.value = state;
    }),
  );
  return value;
}
