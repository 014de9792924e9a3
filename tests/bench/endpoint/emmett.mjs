// Emmett's event store on the same PostgreSQL.

import { getPostgreSQLEventStore } from '@event-driven-io/emmett-postgresql';
import pg from 'pg';
import { payload } from '../support/payload.mjs';
import { CALLERS, COMMIT, closedLoop, place } from './loop.mjs';

const event = (number) => ({
  type: 'OrderPlaced',
  data: payload(number),
  metadata: { correlationId: 'bench' },
});

export async function emmett(url) {
  const admin = new pg.Pool({ connectionString: url, max: 1 });
  await admin.query('create database emmett');
  const database = new URL(url);
  database.pathname = '/emmett';
  const pool = new pg.Pool({ connectionString: String(database), max: CALLERS });
  pool.on('error', () => {});
  const store = getPostgreSQLEventStore(String(database), { connectionOptions: { pool } });
  await store.schema.migrate();

  const write = (callers, count) => (row, seconds) =>
    closedLoop(callers, seconds, async (caller, number) => {
      const { stream, before } = place(row, caller, number);
      const events = Array.from({ length: count }, (_, at) => event(number * count + at));
      const expectedStreamVersion = before === 0 ? 'STREAM_DOES_NOT_EXIST' : BigInt(before * count);
      await store.appendToStream(stream, events, { expectedStreamVersion });
      return count;
    });

  return {
    push: write(CALLERS, 1),
    commits: write(1, COMMIT),
    async empty() {
      await pool.query('truncate emt_messages, emt_streams');
    },
    async stop() {
      await store.close();
      await pool.end();
      await admin.end();
    },
  };
}
