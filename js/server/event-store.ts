// The event store in PostgreSQL, for code of the server's that reads and writes events itself.

import { abortable, type WaitOptions } from '../abort.js';
import { Codec, type PayloadOptions } from '../codec.js';
import { rethrown } from '../errors.js';
import type {
  AnyEvents,
  Batch,
  EventToWrite,
  FeedPage,
  ReadOptions,
  StreamEvents,
  SubscribeOptions,
  WriteOptions,
  WriteResult,
} from '../events.js';
import { endpoint } from '../load/endpoint.js';
import { StreamReader } from '../stream-reader.js';
import { type EventSubscription, subscription } from '../subscription.js';
import type { EventsOf, Schemas } from '../validators.js';
import type { SqlSpaces, SqlStore } from '../wasm/endpoint/eventcore.js';
import { type SqlClient, toHost } from './sql.js';

/** Where the events are. */
export interface PostgresOptions<M extends object = AnyEvents> extends PayloadOptions<M>, WaitOptions {
  /** `fromPg(pool)`, `fromPGlite(db)`, or a client of your own. */
  sql: SqlClient;
  /** The space to read and write; `default` without it. */
  space?: string;
  /** The PostgreSQL schema that holds the tables; `eventcore` without it. */
  schema?: string;
}

/** A store of events in PostgreSQL: one space of it. Everything in it is confirmed. */
export class PostgresEventStore<M extends object = AnyEvents>
  extends StreamReader<M>
  implements AsyncDisposable
{
  /** The space. */
  readonly name: string;
  readonly #spaces: SqlSpaces;
  readonly #inner: SqlStore;
  readonly #codec: Codec<M>;

  private constructor(name: string, spaces: SqlSpaces, inner: SqlStore, codec: Codec<M>) {
    super();
    this.name = name;
    this.#spaces = spaces;
    this.#inner = inner;
    this.#codec = codec;
  }

  /**
   * A store over this client. Makes the tables or brings them up to date. The events are typed by `M`, a map or a
   * union, or by the schemas in `validators`.
   *
   * @throws StorageUnavailable, SchemaTooNew, InvalidName for a space without a proper name.
   */
  static async open<V extends Schemas>(
    options: Omit<PostgresOptions<EventsOf<V>>, 'validators'> & { validators: V },
  ): Promise<PostgresEventStore<EventsOf<V>>>;
  static async open<M extends object = AnyEvents>(
    options: PostgresOptions<M>,
  ): Promise<PostgresEventStore<M>>;
  static async open<M extends object>(options: PostgresOptions<M>): Promise<PostgresEventStore<M>> {
    const { sql, space = 'default', schema = 'eventcore', signal } = options;
    signal?.throwIfAborted();
    const opening = async () => {
      const { SqlSpaces } = await endpoint.load();
      const spaces = new SqlSpaces(toHost(sql), schema);
      await spaces.initialize();
      return { spaces, inner: spaces.space(space) };
    };
    const opened = rethrown(opening());
    try {
      const { spaces, inner } = await abortable(opened, signal);
      return new PostgresEventStore<M>(space, spaces, inner, new Codec(options));
    } catch (error) {
      // Nobody waits for it any more.
      opened.then(
        ({ spaces }) => spaces.close(),
        () => {},
      );
      throw error;
    }
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
    const encoded = this.#codec.encode(events);
    const batch = typeof encoded === 'string' ? encoded : await encoded;
    options.signal?.throwIfAborted();
    return JSON.parse(await rethrown(this.#inner.writeEvents(batch))) as WriteResult;
  }

  async readStreams(streamIds: readonly string[], options: ReadOptions<M> = {}): Promise<StreamEvents<M>[]> {
    const { signal, ...selection } = options;
    signal?.throwIfAborted();
    const reading = rethrown(this.#inner.readStreams([...streamIds], selection));
    const streams = JSON.parse(await abortable(reading, signal)) as StreamEvents<M>[];
    for (const stream of streams) {
      const events = this.#codec.decode(stream.events);
      stream.events = events instanceof Promise ? await events : events;
    }
    return streams;
  }

  /** Reads a page of the feed: every event of the space, in feed order. */
  async readAllEvents(options: ReadOptions<M> = {}): Promise<FeedPage<M>> {
    const { signal, ...selection } = options;
    signal?.throwIfAborted();
    const reading = rethrown(this.#inner.readAllEvents(selection));
    const page = JSON.parse(await abortable(reading, signal)) as FeedPage<M>;
    const events = this.#codec.decode(page.events);
    page.events = events instanceof Promise ? await events : events;
    return page;
  }

  /** Follows the feed: first what is there, then what anybody appends, each event once and in order. */
  subscribe(options: SubscribeOptions<M> = {}): EventSubscription<M> {
    const { signal, ...selection } = options;
    return subscription<M>(this.#inner.subscribe(selection), (events) => this.#codec.decode(events), signal);
  }

  /** Ends its subscriptions; later calls fail as `CLOSED`. The client stays the caller's. */
  async close(): Promise<void> {
    this.#spaces.close();
  }

  /** As {@link close}, at the end of a block with `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
