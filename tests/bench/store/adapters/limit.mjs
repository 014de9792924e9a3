// What packed records take at least: what is appended in a turn is one text, added to a store without an index; what is
// read are records of 256 events, each parsed once. Nothing is checked, and there is nothing to find a stream by: a
// database that was opened anew answers with its first record.

import { answer, end } from './hand.mjs';

export const title = 'packed by hand, the limit';

/** Events of a record, once they lie as they are read. */
const SEGMENT = 256;

export async function open(name, durability) {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => request.result.createObjectStore('events');
  const database = await answer(request);
  const begin = (mode) => database.transaction('events', mode, { durability });
  let head = 0;
  let turn = [];

  /** Events as they are written: id, stream, version, type, milliseconds, metadata, payload. */
  function written(streamId, version, events) {
    const metadata = { correlationId: crypto.randomUUID() };
    const now = Date.now();
    return events.map(({ type, payload }, index) => [
      crypto.randomUUID(),
      streamId,
      version + index + 1,
      type,
      now,
      metadata,
      payload,
    ]);
  }

  function write() {
    const rows = turn;
    turn = [];
    const transaction = begin('readwrite');
    transaction.objectStore('events').add(JSON.stringify(rows), head + 1);
    head += rows.length;
    transaction.commit();
    return end(transaction);
  }

  let packing;
  /** Makes such records of those that were written: once, before anything is read. */
  async function pack() {
    const transaction = begin('readwrite');
    const events = transaction.objectStore('events');
    const rows = (await answer(events.getAll())).flatMap((text) => JSON.parse(text));
    events.clear();
    for (let at = 0; at < rows.length; at += SEGMENT) {
      events.add(JSON.stringify(rows.slice(at, at + SEGMENT)), at + 1);
    }
    head = rows.length;
    await end(transaction);
  }

  /** The events behind a position, `limit` of them. */
  async function read(after, limit) {
    packing ??= pack();
    await packing;
    const events = begin('readonly').objectStore('events');
    const asked = [];
    const first = after - (after % SEGMENT);
    for (let at = first; at < Math.min(after + limit, head); at += SEGMENT) {
      asked.push(answer(events.get(at + 1)));
    }
    const found = [];
    let position = first;
    for (const text of await Promise.all(asked)) {
      for (const row of JSON.parse(text)) {
        position += 1;
        if (position > after && position <= after + limit) found.push(event(position, row));
      }
    }
    return found;
  }

  async function firstRecord() {
    const rows = JSON.parse(await answer(begin('readonly').objectStore('events').get(1)));
    return rows.map((row, index) => event(index + 1, row));
  }

  let writing;
  return {
    append(streamId, version, events) {
      turn.push(...written(streamId, version, events));
      writing ??= Promise.resolve().then(() => {
        writing = undefined;
        return write();
      });
      return writing;
    },
    readStream: () => (head === 0 ? firstRecord() : read(0, head)),
    readFeed: async (after, limit) => ({ events: await read(after, limit), cursor: after + limit }),
    close: async () => database.close(),
  };
}

let moment = { millis: Number.NaN, text: '' };

function event(position, [id, streamId, version, type, millis, metadata, payload]) {
  if (millis !== moment.millis) moment = { millis, text: new Date(millis).toISOString() };
  return { position, id, streamId, version, type, payload, metadata, occurredAt: moment.text };
}
