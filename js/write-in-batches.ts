// Writing many events: in batches, with progress, and an exact account when it fails.

import { abortableEach } from './abort.js';
import { EventCoreError } from './errors.js';
import type { EventStore } from './event-store.js';
import type { AnyEvents, EventToWrite, WriteResult } from './events.js';

/** What was written so far. */
export interface BatchProgress {
  batches: number;
  events: number;
}

/** A batch could not be written; those before it are. */
export class BatchWriteError extends EventCoreError {
  override name = 'BatchWriteError';

  constructor(
    /** What was written before. */
    readonly written: BatchProgress,
    cause: unknown,
  ) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const code = cause instanceof EventCoreError ? cause.code : 'INTERNAL';
    super(`${written.events} events in ${written.batches} batches were written, then: ${reason}`, code, {
      cause,
    });
  }
}

/**
 * Writes events in batches of `size`, 100 without it; each batch is written whole or not at all. A signal ends it,
 * once the batch that is being written is.
 *
 * @throws BatchWriteError, which says what was written, and has the signal's reason as its `cause` where that ended it.
 */
export async function writeInBatches<M extends object = AnyEvents>(
  store: EventStore<M>,
  events: Iterable<EventToWrite<M>> | AsyncIterable<EventToWrite<M>>,
  options: {
    size?: number;
    signal?: AbortSignal;
    onProgress?: (written: BatchProgress, result: WriteResult) => void;
  } = {},
): Promise<BatchProgress> {
  const { size = 100, signal, onProgress } = options;
  if (!Number.isInteger(size) || size < 1) throw new RangeError(`size is a whole number from 1, not ${size}`);
  const written: BatchProgress = { batches: 0, events: 0 };
  const write = async (batch: EventToWrite<M>[]) => {
    signal?.throwIfAborted();
    const result = await store.writeEvents(batch);
    written.batches += 1;
    written.events += batch.length;
    onProgress?.({ ...written }, result);
  };
  try {
    let batch: EventToWrite<M>[] = [];
    const source = signal && Symbol.asyncIterator in events ? abortableEach(events, signal) : events;
    for await (const event of source) {
      batch.push(event);
      if (batch.length === size) {
        await write(batch);
        batch = [];
      }
    }
    if (batch.length > 0) await write(batch);
  } catch (error) {
    throw new BatchWriteError(written, error);
  }
  return written;
}
