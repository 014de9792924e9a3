// Events for tests, with defaults for everything that a test does not care about.

import type { AnyEvents, EventMetadata, EventOf, Stored, StoredEvent } from '../index.js';

/** What a test may state of a stored event. */
export type StoredEventFields = Partial<Omit<Stored, 'metadata'>> & { metadata?: Partial<EventMetadata> };

let built = 0;

/** A UUIDv7 that is above all that were made before. */
function nextId(): string {
  built += 1;
  const time = Date.now().toString(16).padStart(12, '0');
  const count = built.toString(16).padStart(15, '0');
  return [
    time.slice(0, 8),
    time.slice(8),
    `7${count.slice(0, 3)}`,
    `8${count.slice(3, 6)}`,
    `${count.slice(6)}000`,
  ].join('-');
}

/** Metadata with a fresh correlation id, where none is stated. */
export function eventMetadata(fields: Partial<EventMetadata> = {}): EventMetadata {
  return { correlationId: nextId(), ...fields };
}

/**
 * An event as a store would give it back. What is left out: stream `test-stream`, version 1, fresh ids and
 * metadata, the present time. Events stand in the feed in the order in which they were built.
 */
export function storedEvent<M extends object = AnyEvents>(
  event: EventOf<M> & StoredEventFields,
): StoredEvent<M> {
  const id = nextId();
  return {
    position: built,
    id,
    commitId: nextId(),
    streamId: 'test-stream',
    version: 1,
    occurredAt: new Date().toISOString(),
    ...event,
    metadata: eventMetadata(event.metadata),
  } as unknown as StoredEvent<M>;
}
