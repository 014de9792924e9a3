// `eventcore-web/server`: the sync endpoint for JavaScript hosts.

export type { WaitOptions } from '../abort.js';
export type { PayloadOptions } from '../codec.js';
export * from '../error-classes.js';
export type * from '../events.js';
export {
  fromPGlite,
  fromPg,
  fromPgClients,
  type PGliteDatabase,
  type PgClient,
  type PgPool,
  type PgQuery,
} from './clients.js';
export { PostgresEventStore, type PostgresOptions } from './event-store.js';
export {
  type Access,
  type Authorization,
  createSyncHandler,
  type SyncHandler,
  type SyncHandlerOptions,
} from './handler.js';
export type { Listening, SqlClient, SqlConnection, SqlRow } from './sql.js';
export { type BearerTokenOptions, bearerTokens, type Claims } from './tokens.js';
