// The public face of the client: a map of what is where.

export * from './errors.js';
export { EventStore, type OpenOptions } from './event-store.js';
export type {
  AnyEvents,
  Batch,
  EventMetadata,
  EventOf,
  EventToWrite,
  ExpectedVersion,
  FeedPage,
  MetadataToWrite,
  Precondition,
  ReadOptions,
  Stored,
  StoredEvent,
  StreamEvents,
  SubscribeOptions,
  WriteResult,
  Writing,
} from './events.js';
export { type Checkpoint, Projection, type ProjectionOptions } from './projection.js';
export { type Decided, type ExecuteOptions, execute, fold } from './state.js';
export { partitionedStreamId } from './stream-id.js';
export type { EventSubscription } from './subscription.js';
export {
  type Conflict,
  type Resolution,
  Sync,
  type SyncOptions,
  type SyncState,
  type SyncStatus,
} from './sync.js';
export type { Upcaster, Upcasters } from './upcasters.js';
export { type BatchProgress, BatchWriteError, writeInBatches } from './write-in-batches.js';
