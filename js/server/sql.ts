// What the endpoint needs of a PostgreSQL client, and how it reaches the wasm module.

/** A cell as text, or SQL's null. The endpoint's statements cast every column to text. */
export type SqlRow = ReadonlyArray<string | null>;

/** A connection that nobody else uses until it is released. */
export interface SqlConnection {
  /** Runs one statement with `$1`, `$2`, … as texts, and answers with its rows. */
  query(sql: string, params: readonly string[]): Promise<readonly SqlRow[]>;
  /** Gives the connection back; a broken one may be in a transaction, which has to be undone first. */
  release(broken: boolean): void;
}

/** Somebody who listens. */
export interface Listening {
  /** Ends it. */
  end(): void;
}

/** A PostgreSQL client: a pool, or one connection that is lent in turns. `fromPg` and `fromPGlite` make one. */
export interface SqlClient {
  /**
   * Which database this is. Clients of one process that say the same have it, so that what was found out by one, such
   * as that the tables are there, is known to all; without it each finds out for itself.
   */
  readonly database?: string | undefined;
  /** Lends a connection. */
  connect(): Promise<SqlConnection>;
  /**
   * Listens on a channel, on a connection of its own; `lost` is called once when that ends by itself. Without this,
   * who follows a space learns of what other processes wrote by looking every second.
   */
  listen?(
    channel: string,
    heard: (payload: string) => void,
    lost: (error: unknown) => void,
  ): Promise<Listening>;
}

/** What the wasm module takes for an error of a client; without PostgreSQL's code there was no answer. */
interface SqlFailure {
  sqlstate?: string;
  message: string;
}

type Statement = [sql: string, params: string[], optional: boolean];

/** What comes in on a channel, for the wasm module to ask for one by one. */
async function notifications(client: Required<SqlClient>, channel: string): Promise<object> {
  const heard: string[] = [];
  let failure: SqlFailure | undefined;
  let wake = () => {};
  const { end } = await client
    .listen(
      channel,
      (payload) => {
        heard.push(payload);
        wake();
      },
      (error) => {
        failure ??= explain(error);
        wake();
      },
    )
    .catch(fail);
  return {
    async next() {
      while (heard.length === 0 && failure === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      if (heard.length === 0) throw failure;
      return heard.shift();
    },
    end,
  };
}

/** PostgreSQL's codes for a table and a schema that are not there. */
const NO_TABLES = ['42P01', '3F000'];

/**
 * The client as the wasm module calls it: rows cross as one JSON text, since one crossing costs less than many.
 * `missing` is called where the tables are not there, such as when somebody dropped them.
 */
export function toHost(client: SqlClient, missing = () => {}): object {
  const failed = (error: unknown): never => {
    const failure = explain(error);
    if (NO_TABLES.includes(failure.sqlstate ?? '')) missing();
    throw failure;
  };
  return {
    async listen(channel: string) {
      return client.listen && notifications(client as Required<SqlClient>, channel);
    },
    async acquire() {
      const connection = await client.connect().catch(fail);
      return {
        async run(statements: Statement[]) {
          const results = [];
          for (const [sql, params, optional] of statements) {
            results.push(await connection.query(sql, params).catch(optional ? () => [] : failed));
          }
          return JSON.stringify(results);
        },
        release: (broken: boolean) => connection.release(broken),
      };
    },
  };
}

function fail(error: unknown): never {
  throw explain(error);
}

/** PostgreSQL's answers have a code of five characters, the system's (`EPIPE`) start with E, and are no answer. */
function explain(error: unknown): SqlFailure {
  const { code, message, detail } = (error ?? {}) as { code?: unknown; message?: unknown; detail?: unknown };
  const said = typeof message === 'string' && message !== '' ? message : String(code ?? error);
  if (typeof code === 'string' && /^(?!E)[0-9A-Z]{5}$/.test(code)) {
    const more = typeof detail === 'string' && detail !== '' ? ` (${detail})` : '';
    return { sqlstate: code, message: said + more };
  }
  return { message: said };
}
