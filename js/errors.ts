// From a code to the error that it names.

import {
  Closed,
  EndpointReset,
  type ErrorCode,
  EventCoreError,
  EventIdReused,
  Forbidden,
  Internal,
  InvalidBatch,
  InvalidEventId,
  InvalidName,
  InvalidPayload,
  InvalidRequest,
  InvalidStreamId,
  Offline,
  Overloaded,
  PayloadTooLarge,
  ProtocolUnsupported,
  QuotaExceeded,
  RateLimited,
  SchemaTooNew,
  SpaceErased,
  StorageCorrupt,
  StorageUnavailable,
  Unauthorized,
  UndecodableEvent,
  UnknownEvent,
  VersionConflict,
  VersionOverflow,
} from './error-classes.js';

export * from './error-classes.js';

type Details = Record<string, unknown>;

type ErrorClass = new (message: string, code: string) => EventCoreError;

/**
 * The class of each code that the core knows.
 * @internal
 */
export const ERROR_CLASSES: Readonly<Record<Exclude<ErrorCode, 'NOT_LOADED'>, ErrorClass>> = {
  VERSION_CONFLICT: VersionConflict,
  INVALID_BATCH: InvalidBatch,
  INVALID_STREAM_ID: InvalidStreamId,
  INVALID_NAME: InvalidName,
  INVALID_EVENT_ID: InvalidEventId,
  INVALID_PAYLOAD: InvalidPayload,
  PAYLOAD_TOO_LARGE: PayloadTooLarge,
  EVENT_ID_REUSED: EventIdReused,
  VERSION_OVERFLOW: VersionOverflow,
  UNDECODABLE_EVENT: UndecodableEvent,
  UNKNOWN_EVENT: UnknownEvent,
  QUOTA_EXCEEDED: QuotaExceeded,
  STORAGE_UNAVAILABLE: StorageUnavailable,
  OVERLOADED: Overloaded,
  SPACE_ERASED: SpaceErased,
  STORAGE_CORRUPT: StorageCorrupt,
  SCHEMA_TOO_NEW: SchemaTooNew,
  CLOSED: Closed,
  OFFLINE: Offline,
  UNAUTHORIZED: Unauthorized,
  FORBIDDEN: Forbidden,
  ENDPOINT_RESET: EndpointReset,
  PROTOCOL_UNSUPPORTED: ProtocolUnsupported,
  INVALID_REQUEST: InvalidRequest,
  RATE_LIMITED: RateLimited,
  INTERNAL: Internal,
};

/** The error of this code with its fields; `Internal` for one that a newer endpoint may have, which keeps its code. */
export function errorOf(code: string, message: string, details: Details = {}): EventCoreError {
  const Class = Object.hasOwn(ERROR_CLASSES, code)
    ? ERROR_CLASSES[code as keyof typeof ERROR_CLASSES]
    : Internal;
  return Object.assign(new Class(message, code), details);
}

/** What the module threw, as the class that its code names. Anything else is passed on. */
export function typed(thrown: unknown): unknown {
  if (thrown instanceof EventCoreError) return thrown;
  if (!(thrown instanceof Error) || !('code' in thrown) || typeof thrown.code !== 'string') return thrown;
  const details = 'details' in thrown && typeof thrown.details === 'string' ? thrown.details : '{}';
  return told({ code: thrown.code, message: thrown.message, details });
}

/** An error as the module tells it; its details are JSON. */
export interface ToldError {
  code: string;
  message: string;
  details?: string;
}

/** What the module told, as the class that its code names. */
export function told({ code, message, details = '{}' }: ToldError): EventCoreError {
  return errorOf(code, message, JSON.parse(details) as Details);
}

/** Waits for the module, and throws what it throws as a typed error. */
export async function rethrown<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (thrown) {
    throw typed(thrown);
  }
}
