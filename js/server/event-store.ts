// The event store in PostgreSQL, for code of the server's that reads and writes events itself.

import { abortable } from '../abort.js';
import { encodeBatch, merge } from '../encoding.js';
import { errorOf, rethrown } from '../errors.js';
import type {
  AnyEvents,
  Batch,
  EventToWrite,
  FeedPage,
  ReadOptions,
  StoredEvent,
  StreamEvents,
  SubscribeOptions,
  WriteOptions,
  WriteResult,
} from '../events.js';
import { endpoint } from '../load/endpoint.js';
import { type EventSubscription, subscription } from '../subscription.js';
import { type Upcasters, upcast } from '../upcasters.js';
import type { SqlSpaces, SqlStore } from '../wasm/endpoint/eventcore.js';
import { type SqlClient, toHost } from './sql.js';

/** Where the events are. */
export interface PostgresOptions<M extends object = AnyEvents> {
  /** `fromPg(pool)`, `fromPGlite(db)`, or a client of your own. */
  sql: SqlClient;
  /** The space to read and write; `default` without it. */
  space?: string;
  /** The PostgreSQL schema that holds the tables; `eventcore` without it. */
  schema?: string;
  /** For each event type, the steps from older schemas to the one of today. */
  upcasters?: Upcasters<M>;
}

/** A store of events in PostgreSQL: one space of it. Everything in it is confirmed. */
export class PostgresEventStore<M extends object = AnyEvents> implements AsyncDisposable {
  /** The space. */
  readonly name: string;
  readonly #spaces: SqlSpaces;
  readonly #inner: SqlStore;
  readonly #upcasters: Upcasters;

  private constructor(name: string, spaces: SqlSpaces, inner: SqlStore, upcasters: Upcasters) {
    this.name = name;
    this.#spaces = spaces;
    this.#inner = inner;
    this.#upcasters = upcasters;
  }

  /**
   * A store over this client. Makes the tables or brings them up to date.
   *
   * @throws StorageUnavailable, SchemaTooNew, InvalidName for a space without a proper name.
   */
  static async open<M extends object = AnyEvents>(
    options: PostgresOptions<M>,
  ): Promise<PostgresEventStore<M>> {
    const { sql, space = 'default', schema = 'eventcore', upcasters = {} } = options;
    const opening = async () => {
      const { SqlSpaces } = await endpoint.load();
      const spaces = new SqlSpaces(toHost(sql), schema);
      await spaces.initialize();
      return { spaces, inner: spaces.space(space) };
    };
    const { spaces, inner } = await rethrown(opening());
    return new PostgresEventStore<M>(space, spaces, inner, upcasters as Upcasters);
  }

  /** A UUIDv7 for an event or a commit that may have to be written again; above all that were made before. */
  newId(): string {
    return this.#inner.newId();
  }

  /**
   * Writes events, all of them or none. Writes that arrive while a transaction is under way share the next.
   *
   * @throws VersionConflict with every stream that is not as expected; InvalidBatch, InvalidPayload and others
   * before anything is written; EventIdReused; StorageUnavailable, Overloaded, SpaceErased.
   */
  async writeEvents(
    events: readonly EventToWrite<M>[] | Batch<M>,
    options: WriteOptions = {},
  ): Promise<WriteResult> {
    options.signal?.throwIfAborted();
    const batch = encodeBatch(events, this.#upcasters);
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
    const { signal, ...selection } = options;
    signal?.throwIfAborted();
    const reading = rethrown(this.#inner.readStreams([...streamIds], selection));
    const streams = JSON.parse(await abortable(reading, signal)) as StreamEvents<M>[];
    return streams.map((stream) => ({ ...stream, events: this.#decode(stream.events) }));
  }

  /** Reads several streams into one list in feed order. */
  async readStreamsMerged(
    streamIds: readonly string[],
    options: ReadOptions<M> = {},
  ): Promise<StoredEvent<M>[]> {
    return merge(await this.readStreams([...new Set(streamIds)], options), options);
  }

  /** Reads a page of the feed: every event of the space, in feed order. */
  async readAllEvents(options: ReadOptions<M> = {}): Promise<FeedPage<M>> {
    const { signal, ...selection } = options;
    signal?.throwIfAborted();
    const reading = rethrown(this.#inner.readAllEvents(selection));
    const page = JSON.parse(await abortable(reading, signal)) as FeedPage<M>;
    return { ...page, events: this.#decode(page.events) };
  }

  /** Follows the feed: first what is there, then what anybody appends, each event once and in order. */
  subscribe(options: SubscribeOptions<M> = {}): EventSubscription<M> {
    const { signal, ...selection } = options;
    return subscription<M>(this.#inner.subscribe(selection), (events) => this.#decode(events), signal);
  }

  /** Ends its subscriptions; later calls fail as `CLOSED`. The client stays the caller's. */
  async close(): Promise<void> {
    this.#spaces.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #decode(events: StoredEvent<M>[]): StoredEvent<M>[] {
    return events.map((event) => upcast(this.#upcasters, event));
  }
}
