// The PostgreSQL clients that the endpoint knows: node-postgres, and PGlite, which is PostgreSQL in wasm.

import type { SqlClient, SqlConnection, SqlRow } from './sql.js';

/** A statement as `pg` takes it. */
export interface PgQuery {
  text: string;
  values: string[];
  rowMode: 'array';
}

/** As much of a `Pool` of `pg` as the endpoint uses. */
export interface PgPool {
  /** Lends a connection. */
  connect(): Promise<{
    /** Runs a statement. */
    query(query: PgQuery): Promise<{ rows: unknown[] }>;
    /** Gives it back; a broken one is closed. */
    release(broken?: boolean): void;
    /** Its `notification`, `error` and `end` are listened to. */
    on?(event: string, listener: (...args: never[]) => void): unknown;
  }>;
}

/**
 * Lends the connections of a `Pool` of `pg`; one of them listens for good once somebody follows a space. The pool
 * stays the caller's, to configure and to end.
 */
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
    async listen(channel, heard, lost) {
      const client = await pool.connect();
      let ended = false;
      // It goes out of the pool: it would go on to listen there.
      const end = () => {
        if (!ended) client.release(true);
        ended = true;
      };
      client.on?.('notification', ({ payload = '' }: { payload?: string }) => heard(payload));
      for (const event of ['error', 'end'] as const) {
        client.on?.(event, (error?: Error) => lost(error ?? new Error('the listening connection ended')));
      }
      try {
        await client.query({ text: `listen "${channel}"`, values: [], rowMode: 'array' });
      } catch (error) {
        end();
        throw error;
      }
      return { end };
    },
  };
}

/** As much of a `Client` of `pg` as the endpoint uses. */
export interface PgClient {
  /** Where the database is. */
  readonly host?: string | undefined;
  /** At which port. */
  readonly port?: number | undefined;
  /** Its name. */
  readonly database?: string | undefined;
  /** Opens the connection. */
  connect(): Promise<unknown>;
  /** Runs a statement. */
  query(query: PgQuery): Promise<{ rows: unknown[] }>;
  /** Closes the connection. */
  end(): Promise<unknown>;
  /** A connection that breaks while nothing is asked of it must not end the process. */
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/**
 * Opens a connection of its own for each transaction and each reading, and closes it behind that: for edge workers,
 * where a connection belongs to a request, and something such as Hyperdrive keeps those to the database. Nobody
 * listens there: who follows a space looks every second.
 */
export function fromPgClients(open: () => PgClient): SqlClient {
  // One that was made to see where it leads is the first to be connected.
  let made: PgClient | undefined;
  const make = () => {
    const client = made ?? open();
    made = undefined;
    return client;
  };
  return {
    get database() {
      made ??= open();
      const { host, port, database } = made;
      return host === undefined ? undefined : JSON.stringify([host, port, database]);
    },
    async connect() {
      const client = make();
      // What breaks while nobody asks for anything shows when somebody does.
      client.on('error', () => {});
      await client.connect();
      return {
        async query(text, params) {
          const { rows } = await client.query({ text, values: [...params], rowMode: 'array' });
          return rows as SqlRow[];
        },
        release: () => void client.end().catch(() => {}),
      };
    },
  };
}

/** As much of a `PGlite` as the endpoint uses. */
export interface PGliteDatabase {
  /** Runs a statement with parameters. */
  query(sql: string, params: string[], options: { rowMode: 'array' }): Promise<{ rows: unknown[] }>;
  /** Runs statements without any. */
  exec(sql: string): Promise<unknown>;
  /** Listens on a channel; the answer ends that. */
  listen(channel: string, heard: (payload: string) => void): Promise<() => Promise<void>>;
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
  const inTurn = async () => {
    const turn = free;
    let giveBack = () => {};
    free = new Promise((resolve) => {
      giveBack = resolve;
    });
    await turn;
    return giveBack;
  };
  return {
    connect: async () => lend(await inTurn()),
    async listen(channel, heard) {
      const giveBack = await inTurn();
      const leave = await db.listen(channel, heard).finally(giveBack);
      // A database that is closed meanwhile has nothing to leave.
      return { end: () => void inTurn().then((done) => leave().then(done, done)) };
    },
  };
}
