// What every store answers about streams, over its own reading of several.

import { errorOf } from './errors.js';
import type { AnyEvents, ReadOptions, StoredEvent, StreamEvents } from './events.js';

/** The readings of streams. */
export abstract class StreamReader<M extends object = AnyEvents> {
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
