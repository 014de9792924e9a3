// Records of the log as `src/store/indexeddb/records.rs` writes them. Parsing is the larger part of reading, so
// the text of a record is parsed once, here, and not in the module before; and while the browser fetches the next.

import { errorOf } from './errors.js';
import type { AnyEvents, Stored, StoredEvent } from './events.js';

interface Text {
  streams: string[];
  types: string[];
  commits: { id: string; events: Row[] }[];
}

/** Id, stream, version, type, milliseconds since 1970, metadata, payload. */
type Row = [string, number, number, number, number, unknown, unknown];

/** Takes records as the module comes by them: see `Unpacking` in `src/store/indexeddb/page.rs`. It never throws. */
export interface Unpacking {
  take(reading: number, text: string, first: number, count: number, from: number, to: number): void;
}

/** A page of the feed. */
export class FeedUnpacking<M extends object = AnyEvents> implements Unpacking {
  readonly #events: StoredEvent<M>[] = [];
  /** The position of the last event that was taken. */
  #last: number | undefined;
  #fault: unknown;

  take(_reading: number, text: string, first: number, count: number, from: number, to: number): void {
    if (this.#fault !== undefined) return;
    const taken = this.#events.length;
    try {
      const record = parse(text, first, count);
      let number = 0;
      for (const { id, events: rows } of record.commits) {
        for (const row of rows) {
          number += 1;
          if (number >= from && number <= to) {
            this.#events.push(eventOf(record, first + number - 1, id, row));
          }
        }
      }
      this.#last = first + to - 1;
    } catch (fault) {
      this.#events.length = taken;
      this.#fault = fault;
    }
  }

  /**
   * The wanted events. Where a record behind the first is damaged, `cut` is the cursor that leads to it, and what
   * precedes it is answered: whoever reads on from there meets it, and is told.
   */
  taken(): { events: StoredEvent<M>[]; cut?: number } {
    if (this.#fault === undefined) return { events: this.#events };
    if (this.#last === undefined) throw this.#fault;
    return { events: this.#events, cut: this.#last };
  }
}

/** Readings of streams, by their numbers. */
export class StreamsUnpacking<M extends object = AnyEvents> implements Unpacking {
  readonly #streamIds: readonly string[];
  readonly #events: StoredEvent<M>[][];
  #fault: unknown;

  constructor(streamIds: readonly string[]) {
    this.#streamIds = streamIds;
    this.#events = streamIds.map(() => []);
  }

  take(reading: number, text: string, first: number, count: number, from: number, to: number): void {
    const events = this.#events[reading];
    if (this.#fault !== undefined || events === undefined) return;
    try {
      const record = parse(text, first, count);
      const stream = record.streams.indexOf(this.#streamIds[reading] as string);
      let position = first;
      for (const { id, events: rows } of record.commits) {
        for (const row of rows) {
          if (row[1] === stream && row[2] >= from && row[2] <= to) {
            events.push(eventOf(record, position, id, row));
          }
          position += 1;
        }
      }
    } catch (fault) {
      this.#fault = fault;
    }
  }

  /** The wanted events of each. */
  taken(): StoredEvent<M>[][] {
    if (this.#fault !== undefined) throw this.#fault;
    return this.#events;
  }
}

function parse(text: string, first: number, count: number): Text {
  let held = -1;
  try {
    const record = JSON.parse(text) as Text;
    held = record.commits.reduce((sum, commit) => sum + commit.events.length, 0);
    if (held === count) return record;
  } catch {
    // A damaged text may be no JSON, or other JSON.
  }
  const fault = held < 0 ? 'it cannot be read' : 'it does not hold as many events as it says';
  throw errorOf('STORAGE_CORRUPT', `storage is damaged: record ${first} of log: ${fault}`);
}

function eventOf<M extends object>(
  { streams, types }: Text,
  position: number,
  commitId: string,
  row: Row,
): StoredEvent<M> {
  const event: Stored & { type: string | undefined; payload: unknown } = {
    position,
    id: row[0],
    commitId,
    streamId: streams[row[1]] as string,
    version: row[2],
    type: types[row[3]],
    payload: row[6],
    metadata: row[5] as Stored['metadata'],
    occurredAt: timeOf(row[4]),
  };
  // What was written is of the app's types, as everywhere that events are read.
  return event as unknown as StoredEvent<M>;
}

/** The moment that was written down last: events that follow each other often share it. */
let last = { millis: Number.NaN, text: '' };

function timeOf(millis: number): string {
  if (millis !== last.millis) last = { millis, text: new Date(millis).toISOString() };
  return last.text;
}
