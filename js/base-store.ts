// What every store does alike, over its part of a module: batches are encoded, streams are read by several, the feed is
// followed.

/// <reference lib="esnext.disposable" preserve="true" />

import type { Codec } from './codec.js';
import { errorOf } from './errors.js';
import type {
  AnyEvents,
  Batch,
  EventToWrite,
  ReadOptions,
  StoredEvent,
  StreamEvents,
  SubscribeOptions,
  WriteOptions,
  WriteResult,
} from './events.js';
import { type EventSubscription, type Subscription, subscription } from './subscription.js';

/** A store of a module. */
interface Inner {
  newId(): string;
  subscribe(options: object): Promise<Subscription>;
}

/** Writes a batch that was encoded. */
type Write = (batch: string, signal: AbortSignal | undefined) => Promise<WriteResult>;

/** A store of events, wherever they are. */
export abstract class BaseStore<M extends object = AnyEvents> implements AsyncDisposable {
  readonly #inner: Inner;
  readonly #codec: Codec<M>;
  readonly #write: Write;

  /** @internal */
  protected constructor(inner: Inner, codec: Codec<M>, write: Write) {
    this.#inner = inner;
    this.#codec = codec;
    this.#write = write;
  }

  /** A UUIDv7 for an event or a commit that may have to be written again; above all that were made before. */
  newId(): string {
    return this.#inner.newId();
  }

  /**
   * Writes events, all of them or none. Writes that arrive while a transaction is under way share the next.
   *
   * @throws VersionConflict with every stream that is not as expected; InvalidBatch, InvalidPayload and others
   * before anything is written; EventIdReused; StorageUnavailable. QuotaExceeded where a browser has no more room;
   * Overloaded and SpaceErased of a store in PostgreSQL.
   */
  writeEvents(
    events: readonly EventToWrite<M>[] | Batch<M>,
    options: WriteOptions = {},
  ): Promise<WriteResult> {
    const { signal } = options;
    try {
      signal?.throwIfAborted();
      const batch = this.#codec.encode(events);
      if (typeof batch === 'string') return this.#write(batch, signal);
      return batch.then((batch) => {
        signal?.throwIfAborted();
        return this.#write(batch, signal);
      });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Reads several streams as they are at one moment, in the order asked for; `maxEvents` holds for each. */
  abstract readStreams(streamIds: readonly string[], options?: ReadOptions<M>): Promise<StreamEvents<M>[]>;

  /** Reads one stream; one that does not exist is empty and at version 0. */
  async readStream(streamId: string, options: ReadOptions<M> = {}): Promise<StreamEvents<M>> {
    const [stream] = await this.readStreams([streamId], options);
    if (stream === undefined) throw errorOf('INTERNAL', 'the module answered without the stream');
    return stream;
  }

  /** Reads several streams into one list in feed order: confirmed events by position, then pending ones. */
  async readStreamsMerged(
    streamIds: readonly string[],
    options: ReadOptions<M> = {},
  ): Promise<StoredEvent<M>[]> {
    return merge(await this.readStreams([...new Set(streamIds)], options), options);
  }

  /**
   * Follows the feed: first what is there, then what anybody appends, each event once and in order. A pending event is
   * delivered when it is written, and not again when it is confirmed.
   */
  subscribe(options: SubscribeOptions<M> = {}): EventSubscription<M> {
    const { signal, ...selection } = options;
    return subscription<M>(this.#inner.subscribe(selection), (events) => this.#codec.decode(events), signal);
  }

  /** Ends its subscriptions and lets go of what it holds; later calls fail as `CLOSED`. */
  abstract close(): Promise<void>;

  /** As {@link close}, at the end of a block with `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function merge<M extends object>(
  streams: readonly StreamEvents<M>[],
  { backwards = false, maxEvents }: ReadOptions<M>,
): StoredEvent<M>[] {
  const order = backwards ? -1 : 1;
  // Ids of pending events were made here, one after the other: they sort as they were written.
  const place = (event: StoredEvent<M>) => event.position ?? Number.POSITIVE_INFINITY;
  const events = streams
    .flatMap((stream) => stream.events)
    .sort((a, b) => order * (place(a) === place(b) ? (a.id < b.id ? -1 : 1) : place(a) - place(b)));
  return events.slice(0, maxEvents);
}
