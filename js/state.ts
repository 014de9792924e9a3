// State is a fold; a decision is made on it and written with the versions that it was made on.

import { abortable } from './abort.js';
import { VersionConflict } from './errors.js';
import type { EventStore } from './event-store.js';
import type {
  AnyEvents,
  EventOf,
  EventToWrite,
  StoredEvent,
  StreamEvents,
  WriteResult,
  Writing,
} from './events.js';

/** The state that events lead to. */
export function fold<M extends object, S>(
  events: Iterable<StoredEvent<M>>,
  initial: S,
  apply: (state: S, event: StoredEvent<M>) => S,
): S {
  let state = initial;
  for (const event of events) state = apply(state, event);
  return state;
}

/** How often {@link execute} decides again. */
export interface ExecuteOptions {
  /** Decisions at most; 5 without it. */
  attempts?: number;
  /** Ends it with its reason: between two attempts at once, and a write that has begun is waited for. */
  signal?: AbortSignal;
}

/** An event to write; the versions that it expects are those that were read. */
export type Decided<M extends object> = EventOf<M> & Omit<Writing, 'expectedVersion'>;

/** The first delay between two attempts, in milliseconds; it doubles, and half of it is chance. */
const FIRST_DELAY = 10;

/**
 * Reads streams, lets `decide` decide on events, and writes them with the versions that were read. A stream that
 * was only read becomes a precondition. On a conflict it reads and decides again.
 *
 * @returns what was written; `null` where `decide` decided on nothing.
 * @throws VersionConflict when the last attempt conflicts too; what `decide` throws.
 */
export async function execute<M extends object = AnyEvents>(
  store: EventStore<M>,
  streamIds: readonly string[],
  decide: (streams: StreamEvents<M>[]) => readonly Decided<M>[] | Promise<readonly Decided<M>[]>,
  options: ExecuteOptions = {},
): Promise<WriteResult | null> {
  const { attempts = 5, signal } = options;
  for (let attempt = 1; ; attempt += 1) {
    signal?.throwIfAborted();
    const streams = await store.readStreams(streamIds, { ...(signal && { signal }) });
    const versions = new Map(streams.map((stream) => [stream.streamId, stream.version]));
    const decided = await decide(streams);
    signal?.throwIfAborted();
    if (decided.length === 0) return null;
    const written = new Set<string>(decided.map((event) => event.streamId));
    const unread = [...written].find((streamId) => !versions.has(streamId));
    if (unread !== undefined) throw new TypeError(`decide wrote to ${unread}, which was not read`);
    try {
      return await store.writeEvents({
        events: decided.map(
          (event) => ({ ...event, expectedVersion: versions.get(event.streamId) ?? 0 }) as EventToWrite<M>,
        ),
        preconditions: [...versions]
          .filter(([streamId]) => !written.has(streamId))
          .map(([streamId, expectedVersion]) => ({ streamId, expectedVersion })),
      });
    } catch (error) {
      if (!(error instanceof VersionConflict) || attempt >= attempts) throw error;
      const delay = FIRST_DELAY * 2 ** attempt;
      await pause(delay / 2 + (Math.random() * delay) / 2, signal);
    }
  }
}

async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await abortable(over, signal).finally(() => clearTimeout(timer));
}
