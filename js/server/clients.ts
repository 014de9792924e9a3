// The PostgreSQL clients that the endpoint knows: node-postgres, and PGlite, which is PostgreSQL in wasm.

import type { SqlClient, SqlConnection, SqlRow } from './sql.js';

interface PgQuery {
  text: string;
  values: string[];
  rowMode: 'array';
}

/** As much of a `Pool` of `pg` as the endpoint uses. */
export interface PgPool {
  connect(): Promise<{
    query(query: PgQuery): Promise<{ rows: unknown[] }>;
    release(broken?: boolean): void;
  }>;
}

/** Lends the connections of a `Pool` of `pg`. The pool stays the caller's, to configure and to end. */
export function fromPg(pool: PgPool): SqlClient {
  return {
    async connect() {
      const client = await pool.connect();
      return {
        async query(text, params) {
          const { rows } = await client.query({ text, values: [...params], rowMode: 'array' });
          return rows as SqlRow[];
        },
        release: (broken) => client.release(broken),
      };
    },
  };
}

/** As much of a `PGlite` as the endpoint uses. */
export interface PGliteDatabase {
  query(sql: string, params: string[], options: { rowMode: 'array' }): Promise<{ rows: unknown[] }>;
  exec(sql: string): Promise<unknown>;
}

/**
 * Lends the one connection of a `PGlite` in turns. Leave it to the endpoint: a statement of somebody else would run
 * inside the endpoint's transactions.
 */
export function fromPGlite(db: PGliteDatabase): SqlClient {
  let free = Promise.resolve();
  const lend = (giveBack: () => void): SqlConnection => ({
    async query(sql, params) {
      const { rows } = await db.query(sql, [...params], { rowMode: 'array' });
      return rows as SqlRow[];
    },
    release(broken) {
      if (!broken) giveBack();
      // Outside a transaction this only warns; a database that is closed has no transaction left either.
      else db.exec('rollback').then(giveBack, giveBack);
    },
  });
  return {
    async connect() {
      const turn = free;
      let giveBack = () => {};
      free = new Promise((resolve) => {
        giveBack = resolve;
      });
      await turn;
      return lend(giveBack);
    },
  };
}
