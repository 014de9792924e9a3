// The store in PostgreSQL over clients of JavaScript: every law of the port, and what following adds.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { PGlite } from '@electric-sql/pglite';
import pg from 'pg';
import { InvalidPayload, StorageUnavailable, UndecodableEvent, VersionConflict } from '../../dist/index.js';
import { fromPGlite, fromPg, PostgresEventStore } from '../../dist/server/index.js';
import { toHost } from '../../dist/server/sql.js';
import * as contract from '../../dist/wasm/contract/eventcore.js';
import { startPostgres } from '../../js/tools/postgres.mjs';

/** A law that hangs is a broken law. */
const LAW_MS = 120_000;

/** A schema as libraries make them: an object with a text that is not empty. */
const textual = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: ({ text }) =>
      text ? { value: { text } } : { issues: [{ message: 'lacks its text', path: ['text'] }] },
  },
};

const clients = {
  async pg() {
    const postgres = await startPostgres();
    const pool = () => {
      const made = new pg.Pool({ connectionString: postgres.url, max: 4 });
      made.on('error', () => {});
      return made;
    };
    const pools = [pool(), pool()];
    return {
      clients: pools.map(fromPg),
      async stop() {
        await Promise.all(pools.map((each) => each.end()));
        await postgres.stop();
      },
    };
  },
  async PGlite() {
    const db = await PGlite.create();
    const client = fromPGlite(db);
    return { clients: [client, client], stop: () => db.close() };
  },
};

for (const [name, start] of Object.entries(clients)) {
  describe(`over ${name}`, () => {
    let started;
    before(async () => {
      started = await start();
    });
    after(() => started?.stop());

    const note = (number, expectedVersion = 'noCheck') => ({
      streamId: 's',
      type: 'Noted',
      payload: { number },
      expectedVersion,
    });

    test('every law of the port holds', async (context) => {
      contract.initSync({
        module: await readFile(new URL('../../dist/wasm/contract/eventcore_bg.wasm', import.meta.url)),
      });
      const spaces = new contract.SqlSpaces(toHost(started.clients[0]), 'laws');
      await spaces.initialize();
      const laws = contract.laws();
      assert.ok(laws.length > 50);
      for (const law of laws) {
        await context.test(law.replaceAll('_', ' '), { timeout: LAW_MS }, () =>
          contract.runLawOverSql(spaces, law),
        );
      }
      spaces.close();
    });

    test('what one store writes another reads and follows', async () => {
      const open = (sql) => PostgresEventStore.open({ sql, space: 'shared', schema: 'It\'s "mine"' });
      const [one, other] = await Promise.all(started.clients.map(open));
      const following = other.subscribe();
      for (let number = 1; number <= 5; number += 1) {
        const [next, written] = await Promise.all([
          following.next(),
          one.writeEvents([note(number, number - 1)]),
        ]);
        assert.deepEqual([next.value.payload, next.value.position], [{ number }, number]);
        assert.deepEqual(written.positions, { first: number, last: number });
      }
      await assert.rejects(one.writeEvents([note(6, 1)]), (error) => {
        assert.ok(error instanceof VersionConflict);
        assert.deepEqual(error.streams, [{ streamId: 's', expected: 1, actual: 5 }]);
        return true;
      });
      const page = await other.readAllEvents({ after: 3 });
      assert.deepEqual([page.events.length, page.cursor, page.head], [2, 5, 5]);
      const waiting = following.next();
      await Promise.all([one.close(), other.close()]);
      await assert.rejects(waiting, { code: 'CLOSED' });
      await assert.rejects(one.writeEvents([note(7)]), { code: 'CLOSED' });
    });

    test('payloads are checked on their way in and, if asked, out; older ones are raised', async () => {
      const open = (options) =>
        PostgresEventStore.open({ sql: started.clients[0], space: 'checked', ...options });
      const event = (payload) => ({ streamId: 's', type: 'Noted', payload, expectedVersion: 'noCheck' });
      const validators = { Noted: textual };

      const free = await open();
      await free.writeEvents([event('a'), event({})]);
      const checked = await open({ validators, validateReads: true });
      await assert.rejects(checked.writeEvents([event({ text: '' })]), InvalidPayload);
      await checked.writeEvents([event({ text: 'b', more: 1 })]);
      await assert.rejects(checked.readStream('s'), UndecodableEvent);
      const raised = await open({ upcasters: { Noted: [(text) => ({ text: String(text) })] } });
      const merged = await raised.readStreamsMerged(['s', 's', 't'], { backwards: true, maxEvents: 3 });
      assert.deepEqual(
        merged.map(({ payload, position }) => [position, payload.text]),
        [
          [3, '[object Object]'],
          [2, '[object Object]'],
          [1, 'a'],
        ],
      );
      for (const store of [free, checked, raised]) await store.close();
    });
  });
}

test('a database that is not there is a typed error', async () => {
  const pool = new pg.Pool({ connectionString: 'postgres://nobody@127.0.0.1:1/nothing' });
  await assert.rejects(PostgresEventStore.open({ sql: fromPg(pool) }), StorageUnavailable);
  await pool.end();
});
