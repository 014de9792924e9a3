// The public face of the client: a map of what is where.

export type { WaitOptions } from './abort.js';
export type { PayloadOptions } from './codec.js';
export * from './error-classes.js';
export { EventStore, type OpenOptions } from './event-store.js';
export type * from './events.js';
export {
  type Checkpoint,
  type KeptProjectionOptions,
  Projection,
  type ProjectionOptions,
} from './projection.js';
export { type Decided, type ExecuteOptions, execute, fold } from './state.js';
export type { DatabaseOptions, OpeningOptions } from './store/databases.js';
export type { ExportOptions, ImportResult, TransferOptions, TransferProgress } from './store/export.js';
export type { Damage } from './store/sound.js';
export type { StoreStats } from './store/stats.js';
export type { Verification } from './store/verify.js';
export { partitionedStreamId } from './stream-id.js';
export type { EventSubscription } from './subscription.js';
export { Sync } from './sync.js';
export type { Conflict, Resolution, SyncOptions, SyncState, SyncStatus } from './sync-options.js';
export type { Upcaster, Upcasters } from './upcasters.js';
export type { EventsOf, Schemas, Validators } from './validators.js';
export { type Live, liveProjection, liveStream, type ProjectionView, type StreamView } from './views.js';
export { type BatchProgress, BatchWriteError, writeInBatches } from './write-in-batches.js';
