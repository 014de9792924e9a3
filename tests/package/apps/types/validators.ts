// The schemas of three libraries give the events their types.

import { type } from 'arktype';
import { EventStore, type StoredEvent } from 'eventcore-web';
import * as v from 'valibot';
import { z } from 'zod';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const holds = <_ extends true>() => {};

export async function stores(): Promise<void> {
  const store = await EventStore.open('shop', {
    validators: {
      OrderPlaced: z.object({ item: z.string(), quantity: z.number() }),
      OrderPaid: v.object({ amount: v.number() }),
      OrderShipped: type({ carrier: 'string' }),
    },
    validateReads: true,
  });
  const [event] = (await store.readAllEvents()).events;
  if (event?.type === 'OrderPlaced') holds<Equal<typeof event.payload, { item: string; quantity: number }>>();
  if (event?.type === 'OrderPaid') holds<Equal<typeof event.payload, { amount: number }>>();
  if (event?.type === 'OrderShipped') holds<Equal<typeof event.payload, { carrier: string }>>();
  const at = { streamId: 'order-1', expectedVersion: 'any' } as const;
  await store.writeEvents([{ ...at, type: 'OrderPaid', payload: { amount: 1 } }]);
  // @ts-expect-error an amount is a number
  await store.writeEvents([{ ...at, type: 'OrderPaid', payload: { amount: '1' } }]);

  type Shop = { OrderPaid: { amount: number } };
  await EventStore.open<Shop>('shop', { validators: { OrderPaid: v.object({ amount: v.number() }) } });
  // @ts-expect-error the schema is of another payload
  await EventStore.open<Shop>('shop', { validators: { OrderPaid: v.object({ amount: v.string() }) } });
  holds<Equal<StoredEvent<Shop>['payload'], { amount: number }>>();
}
