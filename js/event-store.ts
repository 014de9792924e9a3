// The store: what an app opens, writes to, reads from and follows.

import { abortable, type WaitOptions } from './abort.js';
import { BaseStore } from './base-store.js';
import { Codec, type PayloadOptions } from './codec.js';
import { type EventCoreError, rethrown, typed } from './errors.js';
import type { AnyEvents, FeedPage, ReadOptions, StreamEvents } from './events.js';
import { client } from './load/client.js';
import { FeedUnpacking, StreamsUnpacking } from './records.js';
import {
  type DatabaseOptions,
  deleteDatabase,
  listDatabases,
  type OpeningOptions,
  openDatabase,
} from './store/databases.js';
import {
  type ExportOptions,
  exportEvents,
  type ImportResult,
  importEvents,
  type TransferOptions,
} from './store/export.js';
import { readSnapshot, writeSnapshot } from './store/snapshots.js';
import { persist, type StoreStats, stats } from './store/stats.js';
import { type Verification, verify } from './store/verify.js';
import { Writer } from './store/writer.js';
import { Sync } from './sync.js';
import type { SyncOptions } from './sync-options.js';
import type { EventsOf, Schemas } from './validators.js';
import type { LocalStore } from './wasm/client/eventcore.js';

/** How a store is opened. */
export interface OpenOptions<M extends object = AnyEvents> extends PayloadOptions<M>, OpeningOptions {
  /** Where events are kept: `indexeddb`, the default, or `memory`, which is gone with the page. */
  storage?: 'indexeddb' | 'memory';
  /**
   * When a write counts as done: `strict`, the default, when it was flushed to the disk; `relaxed`, when the
   * operating system has it.
   */
  durability?: 'strict' | 'relaxed';
}

/** A store of events. */
export class EventStore<M extends object = AnyEvents> extends BaseStore<M> {
  /** The name that it was opened under. */
  readonly name: string;
  readonly #inner: LocalStore;
  readonly #codec: Codec<M>;
  readonly #writer: Writer;
  readonly #syncs = new Set<Sync<M>>();
  /** The database that other tabs may have open too; none for a store in memory. */
  readonly #database: string | null;

  private constructor(name: string, inner: LocalStore, options: OpenOptions<M>, database: string | null) {
    const codec = new Codec<M>(options);
    const writer = new Writer(inner);
    super(inner, codec, (batch, signal) => writer.write(batch, signal));
    this.name = name;
    this.#inner = inner;
    this.#codec = codec;
    this.#writer = writer;
    this.#database = database;
  }

  /**
   * Opens the store of this name, or makes it. The events are typed by `M`, a map or a union, or by the schemas
   * in `validators`.
   *
   * @throws StorageUnavailable where there is no IndexedDB, or it is denied; SchemaTooNew, StorageCorrupt.
   */
  static async open<V extends Schemas>(
    name: string,
    options: Omit<OpenOptions<EventsOf<V>>, 'validators'> & { validators: V },
  ): Promise<EventStore<EventsOf<V>>>;
  static async open<M extends object = AnyEvents>(
    name: string,
    options?: OpenOptions<M>,
  ): Promise<EventStore<M>>;
  static async open<M extends object>(name: string, options: OpenOptions<M> = {}): Promise<EventStore<M>> {
    const { storage = 'indexeddb', durability = 'strict', keyPrefix = '', signal } = options;
    signal?.throwIfAborted();
    const database = storage === 'memory' ? null : keyPrefix + name;
    const opening = rethrown(
      database === null
        ? client.load().then(({ LocalStore }) => LocalStore.inMemory())
        : openDatabase(database, durability, options),
    );
    try {
      return new EventStore<M>(name, await abortable(opening, signal), options, database);
    } catch (error) {
      // Nobody waits for it any more.
      opening.then(
        (inner) => inner.close(),
        () => {},
      );
      throw error;
    }
  }

  /**
   * An empty store in memory, at once.
   *
   * @throws NotLoaded before the module was loaded: await `loadWasm()` of `eventcore-web/wasm` first.
   */
  static inMemory<M extends object = AnyEvents>(
    name = 'memory',
    options: PayloadOptions<M> = {},
  ): EventStore<M> {
    return new EventStore<M>(name, client.loaded().LocalStore.inMemory(), options, null);
  }

  /** Deletes the store of this name with everything in it. Other tabs that have it open lose it. */
  static async delete(name: string, options: DatabaseOptions = {}): Promise<void> {
    await deleteDatabase(name, options);
  }

  /**
   * The names of this origin's databases, `keyPrefix` included, that start with `prefix`; those of other libraries
   * among them.
   */
  static async list(prefix = ''): Promise<string[]> {
    return listDatabases(prefix);
  }

  /**
   * Asks the browser to keep this origin's data when it runs out of room; answers whether it will. Firefox asks
   * the user, and answers when they did.
   */
  static async persist(options: WaitOptions = {}): Promise<boolean> {
    options.signal?.throwIfAborted();
    return abortable(persist(), options.signal);
  }

  async readStreams(streamIds: readonly string[], options: ReadOptions<M> = {}): Promise<StreamEvents<M>[]> {
    const { signal, ...selection } = options;
    signal?.throwIfAborted();
    const ids = [...streamIds];
    const unpacking = new StreamsUnpacking<M>(ids);
    const reading = rethrown(this.#inner.readStreams(ids, selection, unpacking));
    const streams = JSON.parse(await abortable(reading, signal)) as StreamEvents<M>[];
    const confirmed = unpacking.taken();
    for (const [index, stream] of streams.entries()) {
      const events = this.#codec.decode((confirmed[index] ?? []).concat(stream.events));
      stream.events = events instanceof Promise ? await events : events;
    }
    return streams;
  }

  /**
   * Reads a page of the feed: every event of the store, in feed order. A page ends before a damaged record.
   *
   * @throws StorageCorrupt where the first record to read is damaged; {@link verify} says where to read on.
   */
  async readAllEvents(options: ReadOptions<M> = {}): Promise<FeedPage<M>> {
    const { signal, ...selection } = options;
    signal?.throwIfAborted();
    const unpacking = new FeedUnpacking<M>();
    const reading = rethrown(this.#inner.readAllEvents(selection, unpacking));
    const page = JSON.parse(await abortable(reading, signal)) as FeedPage<M>;
    const { events: confirmed, cut } = unpacking.taken();
    const events = this.#codec.decode(cut === undefined ? confirmed.concat(page.events) : confirmed);
    page.events = events instanceof Promise ? await events : events;
    return cut === undefined ? page : { ...page, cursor: cut, complete: false };
  }

  /**
   * Syncs the store with a space of an endpoint, from now on until it is stopped or the store is closed. What
   * was written before is pushed too.
   */
  sync(options: SyncOptions<M>): Sync<M> {
    const sync = new Sync<M>(this.#inner, this.#database, options, this.#codec);
    this.#syncs.add(sync);
    return sync;
  }

  /** Resolves at the next change of the store, by this page or another. */
  changed(options: WaitOptions = {}): Promise<void> {
    return abortable(this.#inner.changed(), options.signal);
  }

  /**
   * Resolves when the store is closed, with why: `Closed` for {@link close}, and where another tab deletes or
   * upgrades the database; `StorageUnavailable` where the browser took it away. Open it again to go on.
   */
  async closed(options: WaitOptions = {}): Promise<EventCoreError> {
    return typed(await abortable(this.#inner.closed(), options.signal)) as EventCoreError;
  }

  /** What was kept under this name by {@link writeSnapshot}; `undefined` where nothing is. */
  readSnapshot(name: string): Promise<unknown> {
    return readSnapshot(this.#inner, name);
  }

  /**
   * Keeps a value that can be made anew, such as a projection's state, until another is kept under this name;
   * `undefined` removes it. It is anything that `structuredClone` takes, and is not part of an export. It may be gone
   * after a crash, and when the log becomes another one.
   */
  writeSnapshot(name: string, value: unknown): Promise<void> {
    return writeSnapshot(this.#inner, name, value);
  }

  /** How much the store holds, and what the browser grants it. Reads the whole log, to count streams. */
  stats(options: WaitOptions = {}): Promise<StoreStats> {
    return stats(this.#inner, options.signal);
  }

  /**
   * Every event, as NDJSON: a header, a line for each event as it is stored, and a last line. It is read as it is
   * consumed.
   *
   * @throws StorageCorrupt where something is damaged, but with `onDamage`, which gets out what is sound.
   */
  export(options: ExportOptions = {}): ReadableStream<Uint8Array> {
    return exportEvents(this.#inner, options);
  }

  /**
   * Writes what another store exported, commit by commit, with the ids that the events have. An import that was
   * interrupted left whole commits, and may be repeated: what is there already is recognised.
   *
   * @throws VersionConflict where a stream has other events than the export; InvalidRequest where it is no export,
   * or ends early.
   */
  import(source: ReadableStream<Uint8Array>, options: TransferOptions = {}): Promise<ImportResult> {
    return importEvents(this.#writer, source, options);
  }

  /**
   * Walks the log: positions without a gap, versions without holes, every record as it was written and every stream
   * found where it is; then what waits. Names what is damaged.
   */
  verify(options: WaitOptions = {}): Promise<Verification> {
    return verify(this.#inner, options.signal);
  }

  /** Ends its syncs and subscriptions and lets go of the storage. */
  async close(): Promise<void> {
    for (const sync of this.#syncs) sync.stop();
    this.#inner.close();
  }
}
