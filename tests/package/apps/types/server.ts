// The endpoint takes the types of pg's own.

import { createSyncHandler, fromPg } from 'eventcore-web/server';
import pg from 'pg';

export const overPg = createSyncHandler({ sql: fromPg(new pg.Pool()), authorize: () => 'unauthorized' });
// @ts-expect-error a client is needed
createSyncHandler({});
const answer: Promise<Response> = overPg(new Request('https://sync.example.com/healthz'));
void answer;
