// Given what happened, when a decision is made, then this happens: decisions of `execute` without a store.

import type { AnyEvents, Decided, EventOf, StoredEvent, StreamEvents } from '../index.js';
import { type StoredEventFields, storedEvent } from './builders.js';
import { ExpectationFailed } from './failed.js';

/** An event and the stream that it is of. */
export type Happened<M extends object> = EventOf<M> & { streamId: string };

/** What happened before. */
export interface Given<M extends object> {
  /** What happened, numbered as a store would. */
  readonly events: readonly StoredEvent<M>[];
  /** These happened as well, later. */
  and(events: readonly Happened<M>[]): Given<M>;
  /** Decides over these streams, as `execute` would. */
  when(
    streamIds: readonly string[],
    decide: (streams: StreamEvents<M>[]) => readonly Decided<M>[] | Promise<readonly Decided<M>[]>,
  ): Then<M>;
}

/** What was decided; each check has to be awaited. */
export interface Then<M extends object> {
  /** Exactly these events, in this order. @throws ExpectationFailed */
  thenEvents(expected: readonly Happened<M>[]): Promise<void>;
  /** Nothing, and that is well. @throws ExpectationFailed */
  thenNothing(): Promise<void>;
  /**
   * The decision was refused, by what the class or the text or pattern of the message says; answers with what was
   * thrown.
   *
   * @throws ExpectationFailed
   */
  thenFails(expected?: string | RegExp | (new (...args: never[]) => unknown)): Promise<unknown>;
}

/** These events happened, in this order. */
export function given<M extends object = AnyEvents>(events: readonly Happened<M>[]): Given<M> {
  return happened<M>([]).and(events);
}

/** Nothing happened. */
export function givenNothing<M extends object = AnyEvents>(): Given<M> {
  return happened<M>([]);
}

function happened<M extends object>(events: readonly StoredEvent<M>[]): Given<M> {
  return {
    events,
    and(more) {
      const heads = new Map(events.map((event) => [event.streamId, event.version]));
      const added = more.map((event) => {
        const version = (heads.get(event.streamId) ?? 0) + 1;
        heads.set(event.streamId, version);
        return storedEvent<M>({ ...event, version } as EventOf<M> & StoredEventFields);
      });
      return happened([...events, ...added]);
    },
    when(streamIds, decide) {
      const streams = streamIds.map((streamId): StreamEvents<M> => {
        const own = events.filter((event) => event.streamId === streamId);
        return { streamId, version: own.length, events: own };
      });
      // What is thrown is looked at by the check; without one it stays thrown.
      return checks(streamIds, (async () => decide(streams))());
    },
  };
}

function checks<M extends object>(
  streamIds: readonly string[],
  decision: Promise<readonly Decided<M>[]>,
): Then<M> {
  const thenEvents = async (expected: readonly Happened<M>[]) => {
    const decided = (await decision).map(facts);
    const unread = decided.find(({ streamId }) => !streamIds.includes(streamId));
    if (unread) throw new ExpectationFailed(`the decision writes to ${unread.streamId}, which was not read`);
    const wanted = expected.map(facts);
    for (let at = 0; at < Math.max(decided.length, wanted.length); at += 1) {
      if (stable(decided[at]) === stable(wanted[at])) continue;
      throw new ExpectationFailed(
        `the decision differs at event ${at}:\n  expected ${show(wanted[at])}\n  decided  ${show(decided[at])}`,
        decided,
        wanted,
      );
    }
  };
  return {
    thenEvents,
    thenNothing: () => thenEvents([]),
    async thenFails(expected) {
      const decided = await decision.then(
        (events) => ({ events }),
        (thrown: unknown) => ({ thrown }),
      );
      if ('events' in decided) {
        throw new ExpectationFailed('the decision was not refused', decided.events.map(facts));
      }
      const { thrown } = decided;
      if (expected !== undefined && !answers(thrown, expected)) {
        throw new ExpectationFailed(
          `the decision was refused for another reason: ${thrown}`,
          thrown,
          expected,
        );
      }
      return thrown;
    },
  };
}

function answers(thrown: unknown, expected: string | RegExp | (new (...args: never[]) => unknown)): boolean {
  if (typeof expected === 'function') return thrown instanceof expected;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return typeof expected === 'string' ? message === expected : expected.test(message);
}

interface Facts {
  streamId: string;
  type: string;
  payload: unknown;
}

function facts(event: object): Facts {
  const { streamId, type, payload } = event as Facts;
  return { streamId, type, payload };
}

/** JSON text that does not depend on the order of keys. */
function stable(value: unknown): string | undefined {
  return JSON.stringify(value, (_, field: unknown) =>
    typeof field === 'object' && field !== null && !Array.isArray(field)
      ? Object.fromEntries(Object.entries(field).sort(([a], [b]) => (a < b ? -1 : 1)))
      : field,
  );
}

function show(event: Facts | undefined): string {
  if (event === undefined) return 'no more';
  return `${event.type} ${JSON.stringify(event.payload)} in stream ${JSON.stringify(event.streamId)}`;
}
