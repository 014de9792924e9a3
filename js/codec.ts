// What every store does with batches on their way in and events on their way out.

import { errorOf } from './errors.js';
import type { AnyEvents, Batch, EventToWrite, StoredEvent } from './events.js';
import { toJson } from './payload.js';
import { latestSchema, type Upcasters, upcast } from './upcasters.js';
import { type Validators, validateRead, validateWritten } from './validators.js';

/** What a store does with payloads. */
export interface PayloadOptions<M extends object = AnyEvents> {
  /** For each event type, the steps from older schemas to the one of today. */
  upcasters?: Upcasters<M>;
  /** For each event type, the schema that its payload is checked by before it is written. */
  validators?: Validators<M>;
  /** Whether payloads are checked by their schemas when they are read, too: slower, for logs that others write. */
  validateReads?: boolean;
}

/** Batches to text, stored events to what the app reads. */
export class Codec<M extends object> {
  readonly #upcasters: Upcasters;
  readonly #written: Validators<M> | undefined;
  readonly #read: Validators<M> | undefined;

  constructor({ upcasters = {}, validators, validateReads = false }: PayloadOptions<M>) {
    this.#upcasters = upcasters as Upcasters;
    this.#written = validators;
    this.#read = validateReads ? validators : undefined;
  }

  /**
   * A batch as the modules take it: one JSON text, stamped with the newest schemas. At once, unless a validator
   * takes its time.
   */
  encode(events: readonly EventToWrite<M>[] | Batch<M>): string | Promise<string> {
    const batch: Batch<M> = 'events' in events ? events : { events };
    if (this.#written === undefined) return encodeBatch(batch, batch.events, this.#upcasters);
    const valid = validateWritten<M, EventToWrite<M>>(this.#written, batch.events);
    return valid instanceof Promise
      ? valid.then((events) => encodeBatch(batch, events, this.#upcasters))
      : encodeBatch(batch, valid, this.#upcasters);
  }

  /** Events at the newest schemas, checked if that was asked for. At once, unless a validator takes its time. */
  decode(events: readonly StoredEvent<M>[]): StoredEvent<M>[] | Promise<StoredEvent<M>[]> {
    const upcasted = events.map((event) => this.upcast(event));
    return this.#read === undefined ? upcasted : validateRead<M>(this.#read, upcasted);
  }

  /** One event at the newest schema of its type. */
  upcast(event: StoredEvent<M>): StoredEvent<M> {
    return upcast(this.#upcasters, event);
  }
}

function encodeBatch<M extends object>(
  { commitId, preconditions = [] }: Batch<M>,
  events: readonly EventToWrite<M>[],
  upcasters: Upcasters,
): string {
  const written = events.map((event, index) => encodeEvent(event, index, upcasters)).join();
  const isPlain = commitId === undefined && preconditions.length === 0;
  const rest = isPlain ? '}' : `,${JSON.stringify({ commitId, preconditions }).slice(1)}`;
  return `{"events":[${written}]${rest}`;
}

function encodeEvent<M extends object>(event: EventToWrite<M>, index: number, upcasters: Upcasters): string {
  const { streamId, type, expectedVersion, id, occurredAt, metadata, payload } = event;
  if (expectedVersion === undefined) {
    throw errorOf('INVALID_BATCH', `event ${index} lacks expectedVersion; say 'noCheck' to check nothing`);
  }
  const happened = occurredAt instanceof Date ? occurredAt.toISOString() : occurredAt;
  const head = JSON.stringify({ streamId, type, expectedVersion, id, occurredAt: happened }).slice(0, -1);
  const schemaVersion = latestSchema(upcasters, type);
  const isBare = metadata === undefined && schemaVersion === 1;
  const about = isBare
    ? ''
    : `,"metadata":${toJson(schemaVersion > 1 ? { ...metadata, schemaVersion } : metadata)}`;
  return `${head}${about},"payload":${toJson(payload)}}`;
}
