// The store: what an app opens, writes to, reads from and follows.

import { loadClient } from '#load-client';
import { errorOf, rethrown } from './errors.js';
import type {
  AnyEvents,
  Batch,
  EventToWrite,
  FeedPage,
  ReadOptions,
  StoredEvent,
  StreamEvents,
  SubscribeOptions,
  WriteResult,
} from './events.js';
import { toJson } from './payload.js';
import { type EventSubscription, subscription } from './subscription.js';
import { Sync, type SyncOptions } from './sync.js';
import { latestSchema, type Upcasters, upcast } from './upcasters.js';
import type { LocalStore } from './wasm/client/eventcore.js';

/** How a store is opened. */
export interface OpenOptions<M extends object = AnyEvents> {
  /** Where events are kept: `indexeddb`, the default, or `memory`, which is gone with the page. */
  storage?: 'indexeddb' | 'memory';
  /**
   * When a write counts as done: `strict`, the default, when it was flushed to the disk; `relaxed`, when the
   * operating system has it.
   */
  durability?: 'strict' | 'relaxed';
  /** For each event type, the steps from older schemas to the one of today. */
  upcasters?: Upcasters<M>;
}

/** A store of events. */
export class EventStore<M extends object = AnyEvents> implements AsyncDisposable {
  /** The name that it was opened under. */
  readonly name: string;
  readonly #inner: LocalStore;
  readonly #upcasters: Upcasters;
  readonly #syncs = new Set<Sync<M>>();

  private constructor(name: string, inner: LocalStore, upcasters: Upcasters) {
    this.name = name;
    this.#inner = inner;
    this.#upcasters = upcasters;
  }

  /**
   * Opens the store of this name, or makes it.
   *
   * @throws StorageUnavailable where there is no IndexedDB, or it is denied; SchemaTooNew, StorageCorrupt.
   */
  static async open<M extends object = AnyEvents>(
    name: string,
    options: OpenOptions<M> = {},
  ): Promise<EventStore<M>> {
    const { storage = 'indexeddb', durability = 'strict', upcasters = {} } = options;
    const inner = await rethrown(open(name, storage, durability));
    return new EventStore<M>(name, inner, upcasters as Upcasters);
  }

  /** Deletes the store of this name with everything in it. Other tabs that have it open lose it. */
  static async delete(name: string): Promise<void> {
    requireIndexedDb();
    const { LocalStore } = await loadClient();
    await rethrown(LocalStore.deleteIndexedDb(name));
  }

  /** A UUIDv7 for an event or a commit that may have to be written again; above all that were made before. */
  newId(): string {
    return this.#inner.newId();
  }

  /**
   * Writes events, all of them or none.
   *
   * @throws VersionConflict with every stream that is not as expected; InvalidBatch, InvalidPayload and others
   * before anything is written; EventIdReused; QuotaExceeded.
   */
  async writeEvents(events: readonly EventToWrite<M>[] | Batch<M>): Promise<WriteResult> {
    const batch = this.#encode(events);
    return JSON.parse(await rethrown(this.#inner.writeEvents(batch))) as WriteResult;
  }

  /** Reads one stream; one that does not exist is empty and at version 0. */
  async readStream(streamId: string, options: ReadOptions<M> = {}): Promise<StreamEvents<M>> {
    const [stream] = await this.readStreams([streamId], options);
    if (stream === undefined) throw errorOf('INTERNAL', 'the module answered without the stream');
    return stream;
  }

  /** Reads several streams as they are at one moment, in the order asked for; `maxEvents` holds for each. */
  async readStreams(streamIds: readonly string[], options: ReadOptions<M> = {}): Promise<StreamEvents<M>[]> {
    const text = await rethrown(this.#inner.readStreams([...streamIds], options));
    const streams = JSON.parse(text) as StreamEvents<M>[];
    return streams.map((stream) => ({ ...stream, events: this.#decode(stream.events) }));
  }

  /** Reads several streams into one list in feed order: confirmed events by position, then pending ones. */
  async readStreamsMerged(
    streamIds: readonly string[],
    options: ReadOptions<M> = {},
  ): Promise<StoredEvent<M>[]> {
    const streams = await this.readStreams([...new Set(streamIds)], options);
    const order = options.backwards ? -1 : 1;
    // Ids of pending events were made here, one after the other: they sort as they were written.
    const place = (event: StoredEvent<M>) => event.position ?? Number.POSITIVE_INFINITY;
    const events = streams
      .flatMap((stream) => stream.events)
      .sort((a, b) => order * (place(a) === place(b) ? (a.id < b.id ? -1 : 1) : place(a) - place(b)));
    return events.slice(0, options.maxEvents);
  }

  /** Reads a page of the feed: every event of the store, in feed order. */
  async readAllEvents(options: ReadOptions<M> = {}): Promise<FeedPage<M>> {
    const page = JSON.parse(await rethrown(this.#inner.readAllEvents(options))) as FeedPage<M>;
    return { ...page, events: this.#decode(page.events) };
  }

  /**
   * Follows the feed: first what is there, then what comes, each event once and in order. A pending event is
   * delivered when it is written, and not again when it is confirmed.
   */
  subscribe(options: SubscribeOptions<M> = {}): EventSubscription<M> {
    const { signal, ...selection } = options;
    return subscription<M>(this.#inner.subscribe(selection), (event) => this.#upcast(event), signal);
  }

  /**
   * Syncs the store with a space of an endpoint, from now on until it is stopped or the store is closed. What
   * was written before is pushed too.
   */
  sync(options: SyncOptions<M>): Sync<M> {
    const sync = new Sync<M>(this.#inner, options, {
      encode: (events) => this.#encode(events),
      decode: (event) => this.#upcast(event),
    });
    this.#syncs.add(sync);
    return sync;
  }

  /** Resolves at the next change of the store, by this page or another. */
  changed(): Promise<void> {
    return this.#inner.changed();
  }

  /** Ends its syncs and subscriptions and lets go of the storage. */
  async close(): Promise<void> {
    for (const sync of this.#syncs) sync.stop();
    this.#inner.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #encode(events: readonly EventToWrite<M>[] | Batch<M>): string {
    const batch: Batch<M> = 'events' in events ? events : { events };
    const written = batch.events.map((event, index) => this.#encodeEvent(event, index));
    const rest = { commitId: batch.commitId, preconditions: batch.preconditions ?? [] };
    return `{"events":[${written.join()}],${JSON.stringify(rest).slice(1)}`;
  }

  #encodeEvent(event: EventToWrite<M>, index: number): string {
    const { payload, metadata, occurredAt, ...rest } = event;
    if (rest.expectedVersion === undefined) {
      throw errorOf('INVALID_BATCH', `event ${index} lacks expectedVersion; say 'noCheck' to check nothing`);
    }
    const schemaVersion = latestSchema(this.#upcasters, event.type);
    const head = JSON.stringify({
      ...rest,
      occurredAt: occurredAt instanceof Date ? occurredAt.toISOString() : occurredAt,
    });
    const about = { ...metadata, ...(schemaVersion > 1 && { schemaVersion }) };
    return `${head.slice(0, -1)},"metadata":${toJson(about)},"payload":${toJson(payload)}}`;
  }

  #decode(events: StoredEvent<M>[]): StoredEvent<M>[] {
    return events.map((event) => this.#upcast(event));
  }

  #upcast(event: StoredEvent<M>): StoredEvent<M> {
    return upcast(this.#upcasters, event);
  }
}

async function open(name: string, storage: string, durability: string): Promise<LocalStore> {
  if (storage === 'memory') return (await loadClient()).LocalStore.inMemory();
  requireIndexedDb();
  return (await loadClient()).LocalStore.openIndexedDb(name, durability);
}

function requireIndexedDb(): void {
  if (!('indexedDB' in globalThis)) {
    throw errorOf(
      'STORAGE_UNAVAILABLE',
      "storage is unavailable: this runtime has no IndexedDB; open the store with { storage: 'memory' }",
    );
  }
}
