// The endpoint takes the types of pg's own.

import {
  bearerTokens,
  createSyncHandler,
  fromPg,
  fromPgClients,
  PostgresEventStore,
  VersionConflict,
} from 'eventcore-web/server';
import pg from 'pg';
import * as v from 'valibot';

export const overPg = createSyncHandler({ sql: fromPg(new pg.Pool()), authorize: () => 'unauthorized' });
// @ts-expect-error a client is needed
createSyncHandler({});
const answer: Promise<Response> = overPg(new Request('https://sync.example.com/healthz'));
void answer;

type Shop = { OrderPlaced: { item: string }; OrderShipped: { carrier: string } };

export async function stores(): Promise<void> {
  const sql = fromPg(new pg.Pool());
  await using store = await PostgresEventStore.open<Shop>({ sql, signal: AbortSignal.timeout(1_000) });
  const at = { streamId: 'order-1', expectedVersion: 'noStream' } as const;
  const { versions } = await store.writeEvents([{ ...at, type: 'OrderPlaced', payload: { item: 'tea' } }]);
  void versions;
  // @ts-expect-error this is another event's payload
  await store.writeEvents([{ ...at, type: 'OrderShipped', payload: { item: 'tea' } }]).catch((error: unknown) => error instanceof VersionConflict);
  for await (const event of store.subscribe({ eventTypes: ['OrderShipped'] })) {
    if (event.type === 'OrderShipped') event.payload.carrier.trim();
    // @ts-expect-error what is in the database is confirmed or not there, and `null` is still a type of it
    event.position + 1;
  }
  await using checked = await PostgresEventStore.open({ sql, validators: { OrderPaid: v.object({ amount: v.number() }) } });
  // @ts-expect-error an amount is a number
  await checked.writeEvents([{ ...at, type: 'OrderPaid', payload: { amount: '1' } }]);
}

export const atTheEdge = createSyncHandler({
  sql: fromPgClients(() => new pg.Client()),
  authorize: bearerTokens(() => ({ exp: 1, spaces: { a: ['read'] } })),
  bodyTimeout: 10,
});
atTheEdge.endStreams();
