// The event store in PostgreSQL, for code of the server's that reads and writes events itself.

import { abortable, type WaitOptions } from '../abort.js';
import { BaseStore } from '../base-store.js';
import { Codec, type PayloadOptions } from '../codec.js';
import { rethrown } from '../errors.js';
import type { AnyEvents, FeedPage, ReadOptions, StreamEvents, WriteResult } from '../events.js';
import { endpoint } from '../load/endpoint.js';
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
export class PostgresEventStore<M extends object = AnyEvents> extends BaseStore<M> {
  /** The space. */
  readonly name: string;
  readonly #spaces: SqlSpaces;
  readonly #inner: SqlStore;
  readonly #codec: Codec<M>;

  private constructor(name: string, spaces: SqlSpaces, inner: SqlStore, codec: Codec<M>) {
    super(inner, codec, async (batch) => JSON.parse(await rethrown(inner.writeEvents(batch))) as WriteResult);
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

  /** Ends its subscriptions; later calls fail as `CLOSED`. The client stays the caller's. */
  async close(): Promise<void> {
    this.#spaces.close();
  }
}
