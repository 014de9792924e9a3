// The words of the event model as TypeScript sees them.

/** Events of any type. */
export type AnyEvents = Record<string, unknown>;

/**
 * An event type with its payload, for every type there is: `type` narrows `payload`. `M` is a map from types to
 * payloads, or a union of events that each have a `type` and a `payload`.
 */
export type EventOf<M extends object> = [M] extends [{ type: string; payload: unknown }]
  ? OfUnion<M>
  : { [T in keyof M & string]: { type: T; payload: M[T] } }[keyof M & string];

type OfUnion<E> = E extends { type: infer T extends string; payload: infer P }
  ? { type: T; payload: P }
  : never;

/** The names of the events. */
export type TypeOf<M extends object> = EventOf<M>['type'];

/** What an event of this type carries. */
export type PayloadOf<M extends object, T extends TypeOf<M>> = Extract<EventOf<M>, { type: T }>['payload'];

/**
 * What a stream must look like before a write: its exact number of events, that it does not exist (the same as
 * 0), that it exists, or nothing at all.
 */
export type ExpectedVersion = number | 'noStream' | 'any' | 'noCheck';

/** Who, when, why. */
export interface EventMetadata {
  userId?: string;
  /** Ties events together across services; without one, a batch gets one of its own. */
  correlationId: string;
  /** What caused the event, usually the id of an earlier one. */
  causationId?: string;
  /** The version of the payload's schema, from 1; absent for 1. */
  schemaVersion?: number;
  /** Anything else, by name. */
  custom?: Record<string, unknown>;
}

/** Metadata of an event to write. */
export type MetadataToWrite = Omit<Partial<EventMetadata>, 'schemaVersion'>;

/** An event ready to be written. */
export type EventToWrite<M extends object = AnyEvents> = EventOf<M> & Writing;

/** What an event to write has beside its type and payload. */
export interface Writing {
  /** 1 to 255 characters, trimmed, no control characters. */
  streamId: string;
  /** The first event of a stream in a batch states it; a later one repeats it or states the running version. */
  expectedVersion: ExpectedVersion;
  metadata?: MetadataToWrite;
  /** A UUIDv7, for a write that may have to be repeated; without it the store makes one. */
  id?: string;
  /** When it happened; without it the time in its id. */
  occurredAt?: Date | string;
}

/** A stream that a batch only reads, and what must hold of it. */
export interface Precondition {
  streamId: string;
  expectedVersion: ExpectedVersion;
}

/** Events that are written together or not at all. */
export interface Batch<M extends object = AnyEvents> {
  events: readonly EventToWrite<M>[];
  preconditions?: readonly Precondition[];
  /** A UUIDv7; without it the store makes one. */
  commitId?: string;
}

/** How to write. */
export interface WriteOptions {
  /** Keeps a write that has not begun from beginning. One that has begun goes on, and is waited for. */
  signal?: AbortSignal;
}

/** What a write did. */
export interface WriteResult {
  commitId: string;
  eventIds: string[];
  /** The version of each written stream after the commit; provisional while the commit is pending. */
  versions: Record<string, number>;
  /** Where its events stand in the feed; `null` while the commit is pending. */
  positions: { first: number; last: number } | null;
}

/** An event as stored. */
export type StoredEvent<M extends object = AnyEvents> = EventOf<M> & Stored;

/** What a stored event has beside its type and payload. */
export interface Stored {
  /** Its number in the space, in commit order; `null` while it is pending. */
  position: number | null;
  id: string;
  commitId: string;
  streamId: string;
  /** Its number in the stream; the first event has 1. Provisional while it is pending. */
  version: number;
  metadata: EventMetadata;
  /** RFC 3339 in UTC, with milliseconds. */
  occurredAt: string;
}

/** The events of a stream that a reading selected, and the version of the whole stream. */
export interface StreamEvents<M extends object = AnyEvents> {
  streamId: string;
  /** 0 where the stream does not exist. */
  version: number;
  events: StoredEvent<M>[];
}

/** A page of the feed. */
export interface FeedPage<M extends object = AnyEvents> {
  events: StoredEvent<M>[];
  /** How far the page looked: safe to store and to go on from, also when the page is empty. */
  cursor: number;
  /** Whether the page looked at everything that there was. */
  complete: boolean;
  /** The last confirmed position. */
  head: number;
}

interface Selection<M extends object> {
  /** Goes on after a page's cursor, or after the event with this id. */
  after?: number | string;
  /** Only these types. */
  eventTypes?: readonly TypeOf<M>[];
  /** Only streams whose id starts with these very characters. */
  streamPrefix?: string;
  /** Only confirmed events; without it pending ones follow them. */
  confirmedOnly?: boolean;
}

/** Which events to read, and in which order. */
export interface ReadOptions<M extends object = AnyEvents> extends Selection<M> {
  fromVersion?: number;
  toVersion?: number;
  /** Without it a stream is read whole, and the feed by pages of 1,000. */
  maxEvents?: number;
  /** The last event first. */
  backwards?: boolean;
  /** Ends the waiting with its reason. */
  signal?: AbortSignal;
}

/** Which events a subscription delivers. */
export interface SubscribeOptions<M extends object = AnyEvents> extends Selection<M> {
  /** Events that wait in memory at most; a slow reader is not sent more, it reads on when it gets there. */
  buffer?: number;
  /** Ends the subscription. */
  signal?: AbortSignal;
}
