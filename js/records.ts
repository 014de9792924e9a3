// Records of the log as `src/store/indexeddb/records.rs` writes them. Parsing is the larger part of reading, so
// the text of a record is parsed once, here, and not in the module before.

import { errorOf } from './errors.js';
import type { AnyEvents, Stored, StoredEvent } from './events.js';

/**
 * For each record five values: its text, its first position, how many events it holds, and which of them are
 * wanted, from and to: counted from 1 for the feed, versions for a stream.
 */
export type Packed = (string | number)[];

interface Text {
  streams: string[];
  types: string[];
  commits: { id: string; events: Row[] }[];
}

/** Id, stream, version, type, milliseconds since 1970, metadata, payload. */
type Row = [string, number, number, number, number, unknown, unknown];

/**
 * The wanted events of a page of the feed. Where a record behind the first is damaged, `cut` is the cursor that
 * leads to it, and what precedes it is answered: whoever reads on from there meets it, and is told.
 */
export function unpackFeed<M extends object = AnyEvents>(
  packed: Packed,
): { events: StoredEvent<M>[]; cut?: number } {
  const events: StoredEvent<M>[] = [];
  let end: number | undefined;
  try {
    each(packed, (record, first, from, to) => {
      let number = 0;
      for (const { id, events: rows } of record.commits) {
        for (const row of rows) {
          number += 1;
          if (number >= from && number <= to) events.push(eventOf(record, first + number - 1, id, row));
        }
      }
      end = first + to - 1;
    });
  } catch (error) {
    if (end === undefined) throw error;
    return { events, cut: end };
  }
  return { events };
}

/** The wanted events of a stream. */
export function unpackStream<M extends object = AnyEvents>(
  packed: Packed,
  streamId: string,
): StoredEvent<M>[] {
  const events: StoredEvent<M>[] = [];
  each(packed, (record, first, from, to) => {
    const stream = record.streams.indexOf(streamId);
    let position = first;
    for (const { id, events: rows } of record.commits) {
      for (const row of rows) {
        if (row[1] === stream && row[2] >= from && row[2] <= to) {
          events.push(eventOf(record, position, id, row));
        }
        position += 1;
      }
    }
  });
  return events;
}

function each(packed: Packed, take: (record: Text, first: number, from: number, to: number) => void): void {
  for (let at = 0; at < packed.length; at += 5) {
    const [text, first, count, from, to] = packed.slice(at, at + 5) as [
      string,
      number,
      number,
      number,
      number,
    ];
    take(parse(text, first, count), first, from, to);
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
