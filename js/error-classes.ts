// One class per failure; `code` is the same word as in Rust and on the wire. All of it is public.

import type { StandardSchemaV1 } from '@standard-schema/spec';

/** What a failure is called, everywhere: the guide's chapter on errors says what to do about each. */
export type ErrorCode =
  | 'VERSION_CONFLICT'
  | 'INVALID_BATCH'
  | 'INVALID_STREAM_ID'
  | 'INVALID_NAME'
  | 'INVALID_EVENT_ID'
  | 'INVALID_PAYLOAD'
  | 'PAYLOAD_TOO_LARGE'
  | 'EVENT_ID_REUSED'
  | 'VERSION_OVERFLOW'
  | 'UNDECODABLE_EVENT'
  | 'UNKNOWN_EVENT'
  | 'QUOTA_EXCEEDED'
  | 'STORAGE_UNAVAILABLE'
  | 'OVERLOADED'
  | 'SPACE_ERASED'
  | 'STORAGE_CORRUPT'
  | 'SCHEMA_TOO_NEW'
  | 'CLOSED'
  | 'OFFLINE'
  | 'UNAUTHORIZED'
  | 'FORBIDDEN'
  | 'ENDPOINT_RESET'
  | 'PROTOCOL_UNSUPPORTED'
  | 'INVALID_REQUEST'
  | 'RATE_LIMITED'
  | 'INTERNAL'
  | 'NOT_LOADED';

/** What every error of this package is. */
export class EventCoreError extends Error {
  override name = 'EventCoreError';

  constructor(
    message: string,
    /** The stable code of the failure; one that is not known here may come from a newer endpoint. */
    readonly code: ErrorCode | (string & {}),
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** A stream that was not as expected. */
export interface StreamConflict {
  streamId: string;
  expected: number | 'noStream' | 'any' | 'noCheck';
  actual: number;
}

/** A stream is not at the version that the batch expects: read it again, decide again, write again. */
export class VersionConflict extends EventCoreError {
  override name = 'VersionConflict';
  /** Every stream that was not as expected. */
  readonly streams: StreamConflict[] = [];
}

/** What a validator found wrong. */
export type ValidationIssue = StandardSchemaV1.Issue;

/** A payload or metadata cannot be carried as JSON, would be changed on the way, or is refused by its validator. */
export class InvalidPayload extends EventCoreError {
  override name = 'InvalidPayload';
  /** Where in the payload, such as `$.items[2].price`; the first place of several. */
  readonly path: string = '$';
  /** What the event type's validator found; empty where it was not the validator. */
  readonly issues: readonly ValidationIssue[] = [];
}

/** A payload, an event's metadata or a batch is over its limit. */
export class PayloadTooLarge extends EventCoreError {
  override name = 'PayloadTooLarge';
  /** What is too large, such as `payload`; empty where the endpoint did not say. */
  readonly what: string = '';
  /** Its size; NaN where the endpoint did not say. */
  readonly size: number = Number.NaN;
  /** What may be at most; likewise. */
  readonly limit: number = Number.NaN;
  /** The unit of both, such as `bytes`; empty where the endpoint did not say. */
  readonly unit: string = '';
}

/** An event id was written before with other content. */
export class EventIdReused extends EventCoreError {
  override name = 'EventIdReused';
  /** The event; empty where the endpoint did not say. */
  readonly eventId: string = '';
}

/** A stored event cannot be decoded. */
export class UndecodableEvent extends EventCoreError {
  override name = 'UndecodableEvent';
  /** The event; empty where the endpoint did not say. */
  readonly eventId: string = '';
  /** Its type; likewise. */
  readonly eventType: string = '';
  /** What the decoder said; likewise. */
  readonly reason: string = '';
  /** What the event type's validator found; empty where it was not the validator. */
  readonly issues: readonly ValidationIssue[] = [];
}

/** The caller asks too often. */
export class RateLimited extends EventCoreError {
  override name = 'RateLimited';
  /** How long to wait, in milliseconds; NaN where the endpoint did not say. */
  readonly retryAfterMs: number = Number.NaN;
}

/** The batch contradicts itself or says nothing; nothing was written. */
export class InvalidBatch extends EventCoreError {
  override name = 'InvalidBatch';
}

/** A stream id is empty, too long, untrimmed or has a control character. */
export class InvalidStreamId extends EventCoreError {
  override name = 'InvalidStreamId';
}

/** An event type, user id or space is empty, too long or has a control character. */
export class InvalidName extends EventCoreError {
  override name = 'InvalidName';
}

/** An event or commit id is not a UUIDv7. */
export class InvalidEventId extends EventCoreError {
  override name = 'InvalidEventId';
}

/** A stream would pass 2^53 - 1 events. */
export class VersionOverflow extends EventCoreError {
  override name = 'VersionOverflow';
}

/** The event that a reading should start after is not in this store. */
export class UnknownEvent extends EventCoreError {
  override name = 'UnknownEvent';
  /** The event; empty where the endpoint did not say. */
  readonly eventId: string = '';
}

/** There is no room left to write; what was there stays readable. */
export class QuotaExceeded extends EventCoreError {
  override name = 'QuotaExceeded';
}

/** The storage cannot be opened or reached here. */
export class StorageUnavailable extends EventCoreError {
  override name = 'StorageUnavailable';
}

/** The storage has more to do than it can; nothing was written. Try again in a moment. */
export class Overloaded extends EventCoreError {
  override name = 'Overloaded';
}

/** The space was erased for good, on purpose. */
export class SpaceErased extends EventCoreError {
  override name = 'SpaceErased';
}

/** A stored record is damaged; the message names it. */
export class StorageCorrupt extends EventCoreError {
  override name = 'StorageCorrupt';
}

/** The storage was written by a newer version of this package. */
export class SchemaTooNew extends EventCoreError {
  override name = 'SchemaTooNew';
  /** The version of the storage; NaN where the endpoint did not say. */
  readonly found: number = Number.NaN;
  /** The newest that this package knows; likewise. */
  readonly known: number = Number.NaN;
}

/** The store was closed. */
export class Closed extends EventCoreError {
  override name = 'Closed';
}

/** The endpoint could not be reached. */
export class Offline extends EventCoreError {
  override name = 'Offline';
}

/** The endpoint does not know who is asking. */
export class Unauthorized extends EventCoreError {
  override name = 'Unauthorized';
}

/** The endpoint knows who is asking and refuses. */
export class Forbidden extends EventCoreError {
  override name = 'Forbidden';
}

/** The endpoint is another one than before, or lost what it had; nothing local is lost. */
export class EndpointReset extends EventCoreError {
  override name = 'EndpointReset';
}

/** The endpoint speaks another version of the protocol. */
export class ProtocolUnsupported extends EventCoreError {
  override name = 'ProtocolUnsupported';
}

/** What was asked for is not well formed. */
export class InvalidRequest extends EventCoreError {
  override name = 'InvalidRequest';
}

/** What needs the wasm module was used before it was loaded; the message says what to await. */
export class NotLoaded extends EventCoreError {
  override name = 'NotLoaded';
}

/** Something failed that the caller cannot mend. */
export class Internal extends EventCoreError {
  override name = 'Internal';
}
