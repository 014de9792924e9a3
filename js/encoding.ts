// What every store does with batches on their way in and events on their way out.

import { errorOf } from './errors.js';
import type { Batch, EventToWrite, ReadOptions, StoredEvent, StreamEvents } from './events.js';
import { toJson } from './payload.js';
import { latestSchema, type Upcasters } from './upcasters.js';

/** A batch as the modules take it: one JSON text, stamped with the newest schemas. */
export function encodeBatch<M extends object>(
  events: readonly EventToWrite<M>[] | Batch<M>,
  upcasters: Upcasters,
): string {
  const batch: Batch<M> = 'events' in events ? events : { events };
  const written = batch.events.map((event, index) => encodeEvent(event, index, upcasters));
  const rest = { commitId: batch.commitId, preconditions: batch.preconditions ?? [] };
  return `{"events":[${written.join()}],${JSON.stringify(rest).slice(1)}`;
}

function encodeEvent<M extends object>(event: EventToWrite<M>, index: number, upcasters: Upcasters): string {
  const { payload, metadata, occurredAt, ...rest } = event;
  if (rest.expectedVersion === undefined) {
    throw errorOf('INVALID_BATCH', `event ${index} lacks expectedVersion; say 'noCheck' to check nothing`);
  }
  const schemaVersion = latestSchema(upcasters, event.type);
  const head = JSON.stringify({
    ...rest,
    occurredAt: occurredAt instanceof Date ? occurredAt.toISOString() : occurredAt,
  });
  const about = { ...metadata, ...(schemaVersion > 1 && { schemaVersion }) };
  return `${head.slice(0, -1)},"metadata":${toJson(about)},"payload":${toJson(payload)}}`;
}

/** The events of several streams in feed order: confirmed ones by position, then pending ones. */
export function merge<M extends object>(
  streams: readonly StreamEvents<M>[],
  options: ReadOptions<M>,
): StoredEvent<M>[] {
  const order = options.backwards ? -1 : 1;
  // Ids of pending events were made here, one after the other: they sort as they were written.
  const place = (event: StoredEvent<M>) => event.position ?? Number.POSITIVE_INFINITY;
  const events = streams
    .flatMap((stream) => stream.events)
    .sort((a, b) => order * (place(a) === place(b) ? (a.id < b.id ? -1 : 1) : place(a) - place(b)));
  return events.slice(0, options.maxEvents);
}
