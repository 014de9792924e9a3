// The worker of the SQLite adapter: a row per event, its payload and metadata as JSON text.

import sqlite3InitModule from '/node_modules/@sqlite.org/sqlite-wasm/dist/index.mjs';

const SCHEMA = `
  create table if not exists events (
    position integer primary key autoincrement, id text not null, stream_id text not null,
    version integer not null, type text not null, payload text not null, metadata text not null,
    occurred_at text not null, unique (stream_id, version))`;
const INSERT = `
  insert into events (id, stream_id, version, type, payload, metadata, occurred_at)
  values (?, ?, ?, ?, ?, ?, ?)`;
const SELECT = 'select position, id, stream_id, version, type, payload, metadata, occurred_at from events';

let database;
let insert;

const rows = (sql, bind) =>
  database.exec({ sql, bind, rowMode: 'array', returnValue: 'resultRows' }).map((row) => ({
    position: row[0],
    id: row[1],
    streamId: row[2],
    version: row[3],
    type: row[4],
    payload: JSON.parse(row[5]),
    metadata: JSON.parse(row[6]),
    occurredAt: row[7],
  }));

const methods = {
  async open(name, durability) {
    const sqlite3 = await sqlite3InitModule({ print() {}, printErr() {} });
    const pool = await sqlite3.installOpfsSAHPoolVfs({ name: `pool-${name}`, directory: `/sqlite-${name}` });
    database = new pool.OpfsSAHPoolDb(`/${name}.db`);
    // The fastest that SQLite advises for one connection.
    database.exec('pragma locking_mode = exclusive; pragma journal_mode = wal');
    database.exec(`pragma synchronous = ${durability === 'strict' ? 'full' : 'off'}`);
    database.exec(SCHEMA);
    insert = database.prepare(INSERT);
  },
  append(events) {
    database.exec('begin immediate');
    try {
      for (const { id, streamId, version, type, payload, metadata, occurredAt } of events) {
        const texts = [JSON.stringify(payload), JSON.stringify(metadata)];
        insert.bind([id, streamId, version, type, ...texts, occurredAt]).stepReset();
      }
      database.exec('commit');
    } catch (error) {
      database.exec('rollback');
      throw error;
    }
  },
  readStream: (streamId) => rows(`${SELECT} where stream_id = ? order by version`, [streamId]),
  readFeed(after, limit) {
    const events = rows(`${SELECT} where position > ? order by position limit ?`, [after, limit]);
    return { events, cursor: events.at(-1)?.position ?? after };
  },
  close() {
    insert.finalize();
    database.close();
  },
};

// One call at a time, in the order of their arrival.
let turn = Promise.resolve();
globalThis.onmessage = ({ data: { id, method, args } }) => {
  turn = turn
    .then(() => methods[method](...args))
    .then(
      (value) => postMessage({ id, value }),
      (error) => postMessage({ id, error: String(error.message ?? error) }),
    );
};
