// Events by a map and by a union: what is right compiles, what is wrong does not.

import { EventStore, execute, Projection, type StoredEvent, writeInBatches } from 'eventcore-web';
import { given } from 'eventcore-web/testing';
import { loadWasm } from 'eventcore-web/wasm';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const holds = <_ extends true>() => {};

type ShopMap = { OrderPlaced: { item: string }; OrderShipped: { carrier: string } };
type ShopUnion =
  | { type: 'OrderPlaced'; payload: { item: string } }
  | { type: 'OrderShipped'; payload: { carrier: string } };
interface ShopInterface {
  OrderPlaced: { item: string };
  OrderShipped: { carrier: string };
}

function narrows(event: StoredEvent<ShopMap> | StoredEvent<ShopUnion> | StoredEvent<ShopInterface>): string {
  if (event.type === 'OrderPlaced') return event.payload.item;
  // @ts-expect-error a shipped order names a carrier
  event.payload.item;
  return event.payload.carrier;
}
type Placed<M extends object> = Extract<StoredEvent<M>, { type: 'OrderPlaced' }>['payload'];
holds<Equal<Placed<ShopMap>, { item: string }>>();
holds<Equal<Placed<ShopUnion>, { item: string }>>();
holds<Equal<StoredEvent<ShopInterface>['type'], 'OrderPlaced' | 'OrderShipped'>>();
holds<Equal<StoredEvent['payload'], unknown>>();

export async function stores(): Promise<void> {
  const at = { streamId: 'order-1', expectedVersion: 'noStream' } as const;
  await using map = await EventStore.open<ShopMap>('shop');
  await using union = await EventStore.open<ShopUnion>('shop', { storage: 'memory', durability: 'relaxed' });
  await using untyped = await EventStore.open('shop');
  for (const store of [map, union]) {
    await store.writeEvents([{ ...at, type: 'OrderPlaced', payload: { item: 'tea' } }]);
    // @ts-expect-error there is no such event
    await store.writeEvents([{ ...at, type: 'OrderPlace', payload: { item: 'tea' } }]);
    // @ts-expect-error this is another event's payload
    await store.writeEvents([{ ...at, type: 'OrderPlaced', payload: { carrier: 'bike' } }]);
    // @ts-expect-error the expectation is missing
    await store.writeEvents([{ streamId: 'a', type: 'OrderPlaced', payload: { item: 'tea' } }]);
    // @ts-expect-error there is no such expectation
    await store.writeEvents([{ ...at, expectedVersion: 'none', type: 'OrderPlaced', payload: { item: 'tea' } }]);
    // @ts-expect-error there is no such type to select
    await store.readAllEvents({ eventTypes: ['OrderPlace'] });
  }
  // @ts-expect-error there is no such storage
  await EventStore.open('shop', { storage: 'disk' });
  // @ts-expect-error an absent option is left out, not undefined
  await EventStore.open('shop', { storage: undefined });
  await untyped.writeEvents([{ ...at, type: 'Anything', payload: 1 }], { signal: AbortSignal.timeout(1_000) });
  const { events } = await map.readStream('order-1', { eventTypes: ['OrderPlaced'], maxEvents: 1 });
  for (const event of events) narrows(event);
  for await (const event of union.subscribe({ streamPrefix: 'order-' })) {
    narrows(event);
    break;
  }
  const items = new Projection<string[], ShopUnion>({
    initial: [],
    apply: (state, event) => (event.type === 'OrderPlaced' ? [...state, event.payload.item] : state),
  });
  await items.catchUp(union);
  await execute(map, ['order-1'], ([order]) =>
    order?.version === 1 ? [{ streamId: 'order-1', type: 'OrderShipped', payload: { carrier: 'bike' } }] : [],
  );
  await writeInBatches(map, [{ ...at, type: 'OrderPlaced', payload: { item: 'tea' } }]);
  await given<ShopUnion>([{ streamId: 'a', type: 'OrderPlaced', payload: { item: 'tea' } }])
    .when(['a'], () => [])
    .thenNothing();
  await loadWasm(new Uint8Array());
}
