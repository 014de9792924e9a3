// Upcasters: old events read as if they had been written today. The same rule as in Rust's `Upcasters`.

import { errorOf } from './errors.js';
import type { AnyEvents, StoredEvent, TypeOf } from './events.js';

/** Turns a payload of one schema into the next. */
export type Upcaster = (payload: unknown) => unknown;

/** For each event type, the steps that turn schema 1 into 2, 2 into 3, and so on. */
export type Upcasters<M extends object = AnyEvents> = {
  readonly [T in TypeOf<M>]?: readonly Upcaster[];
};

/** The newest schema of a type, from 1. */
export function latestSchema(upcasters: Upcasters, type: string): number {
  return (upcasters[type]?.length ?? 0) + 1;
}

/** The event with its payload at the newest schema of its type. */
export function upcast<M extends object>(upcasters: Upcasters, event: StoredEvent<M>): StoredEvent<M> {
  const stored = event.metadata.schemaVersion ?? 1;
  const latest = latestSchema(upcasters, event.type);
  if (stored === latest) return event;
  const undecodable = (reason: string) =>
    errorOf('UNDECODABLE_EVENT', `event ${event.id} of type "${event.type}" cannot be decoded: ${reason}`, {
      eventId: event.id,
      eventType: event.type,
      reason,
    });
  if (stored > latest) {
    throw undecodable(`its schema is ${stored}, the newest known here is ${latest}; update the app`);
  }
  let payload: unknown = event.payload;
  for (const step of (upcasters[event.type] ?? []).slice(stored - 1)) {
    try {
      payload = step(payload);
    } catch (error) {
      throw undecodable(error instanceof Error ? error.message : String(error));
    }
  }
  return { ...event, payload } as unknown as StoredEvent<M>;
}
