// Checks of lists of events; each throws with the first pair that breaks the rule.

import type { Stored } from '../index.js';
import { ExpectationFailed } from './failed.js';

type Event = Stored & { type: string };

/**
 * Feed order: confirmed events by position, then pending ones, by id.
 *
 * @throws ExpectationFailed
 */
export function assertEventsOrdered(events: readonly Event[]): void {
  events.forEach((event, at) => {
    const before = events[at - 1];
    if (before !== undefined && !isBefore(before, event)) {
      throw new ExpectationFailed(
        `events are not in feed order:\n  ${describe(at - 1, before)}\n  ${describe(at, event)}`,
      );
    }
  });
}

/** Every id stands once. @throws ExpectationFailed */
export function assertUniqueEventIds(events: readonly Event[]): void {
  const seen = new Map<string, number>();
  events.forEach((event, at) => {
    const first = seen.get(event.id);
    if (first !== undefined) {
      throw new ExpectationFailed(`the events at ${first} and ${at} share the id ${event.id}`);
    }
    seen.set(event.id, at);
  });
}

/**
 * The events of this stream, of which there must be one, have versions that go up by one. They may begin at any.
 *
 * @throws ExpectationFailed
 */
export function assertStreamVersionProgression(events: readonly Event[], streamId: string): void {
  const own = events.map((event, at) => ({ event, at })).filter(({ event }) => event.streamId === streamId);
  if (own.length === 0) {
    throw new ExpectationFailed(
      `none of the ${events.length} events is of stream ${JSON.stringify(streamId)}`,
    );
  }
  own.forEach(({ event, at }, index) => {
    const expected = (own[index - 1]?.event.version ?? Math.max(event.version - 1, 0)) + 1;
    if (event.version !== expected) {
      throw new ExpectationFailed(
        `versions of stream ${JSON.stringify(streamId)} do not go up by one: ${describe(at, event)}`,
        event.version,
        expected,
      );
    }
  });
}

function isBefore(one: Event, other: Event): boolean {
  if (one.position === null) return other.position === null && one.id < other.id;
  return other.position === null || one.position < other.position;
}

function describe(at: number, event: Event): string {
  const { type, id, version, streamId, position } = event;
  const place = position === null ? 'pending' : `at position ${position}`;
  return `[${at}] ${type} ${id}: version ${version} of stream ${JSON.stringify(streamId)}, ${place}`;
}
