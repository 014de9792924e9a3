// A table of events by hand: one INSERT is one commit, over plain connections of `pg`; a page of the feed is one
// SELECT whose rows `pg` builds.

import pg from 'pg';
import { newId } from '../../support/http.mjs';
import { payload } from '../support/payload.mjs';
import { CALLERS, closedLoop, place } from './loop.mjs';

const PAGE = 1_000;
const TABLE = `
  create table by_hand (
    position bigint generated always as identity primary key,
    id uuid not null unique,
    stream_id text not null,
    version bigint not null,
    event_type text not null,
    payload jsonb not null,
    metadata jsonb not null,
    occurred_at timestamptz not null,
    unique (stream_id, version)
  )`;
const INSERT = `
  insert into by_hand (id, stream_id, version, event_type, payload, metadata, occurred_at)
  values ($1, $2, $3, $4, $5, $6, $7)`;
const SELECT = `
  select position, id, stream_id, version, event_type, payload, metadata, occurred_at
  from by_hand where position > $1 order by position limit ${PAGE}`;

export async function insert(url) {
  const clients = Array.from({ length: CALLERS }, () => new pg.Client({ connectionString: url }));
  await Promise.all(clients.map((client) => client.connect()));
  await clients[0].query(TABLE);

  const append = async (client, stream, version, number) => {
    const values = [newId(), stream, version, 'OrderPlaced', JSON.stringify(payload(number))];
    await client.query({
      name: 'insert',
      text: INSERT,
      values: [...values, '{"correlationId":"bench"}', new Date()],
    });
    return 1;
  };
  const write = (callers) => (row, seconds) =>
    closedLoop(callers, seconds, (caller, number) => {
      const { stream, before } = place(row, caller, number);
      return append(clients[caller], stream, before + 1, number);
    });

  return {
    push: write(CALLERS),
    /** What the commits of others are compared with: single events, by one connection. */
    commits: write(1),
    async fill(events) {
      await Promise.all(
        clients.map(async (client, caller) => {
          for (let number = caller; number < events; number += CALLERS) {
            await append(client, `feed-${number}`, 1, number);
          }
        }),
      );
    },
    feed(_, seconds) {
      let after = 0;
      return closedLoop(1, seconds, async () => {
        const { rows } = await clients[0].query({ name: 'feed', text: SELECT, values: [after] });
        after = rows.length === PAGE ? rows.at(-1).position : 0;
        return rows.length;
      });
    },
    empty: () => clients[0].query('truncate by_hand restart identity'),
    stop: () => Promise.all(clients.map((client) => client.end())),
  };
}
