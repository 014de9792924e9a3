// The end of a space, as an operator brings it about and as everybody learns of it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { EventStore, SpaceErased } from '../../dist/index.js';
import { startPostgres } from '../../js/tools/postgres.mjs';
import { attempt } from '../../js/tools/run.mjs';
import { buildServer, serverProgram, startServer } from '../support/hosts.mjs';
import { commit, follow, send } from '../support/http.mjs';

const PATH = '/v1/spaces/team%201';
let postgres;
let server;
before(async () => {
  [postgres] = await Promise.all([startPostgres(), buildServer()]);
  server = await startServer(['--database-url', postgres.url]);
});
after(async () => {
  await server?.stop();
  await postgres?.stop();
});

const program = (...args) => attempt(serverProgram(), args, { env: { DATABASE_URL: postgres.url } });
const push = (payload) =>
  send(server.url, 'POST', `${PATH}/push`, {
    body: JSON.stringify({ commits: [commit({ s: 'noCheck' }, [{ stream: 's', payload }])] }),
  });

test('a space is exported and erased, and whoever comes to it is told', async () => {
  for (let number = 1; number <= 3; number += 1) assert.equal((await push({ number })).status, 200);
  const feed = await send(server.url, 'GET', `${PATH}/events`);
  const exported = await program('export', '--space', 'team 1');
  assert.equal(exported.code, 0, exported.output);
  const lines = exported.output
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(lines, feed.json.events);

  const live = await follow(server.url, `${PATH}/live?after=3`);
  const replica = await EventStore.open('replica', { storage: 'memory' });
  const sync = replica.sync({ url: server.url, space: 'team 1', live: false, pollInterval: 3_600_000 });
  await sync.syncNow();
  assert.equal((await replica.readAllEvents()).events.length, 3);

  const erased = await program('erase', '--space', 'team 1');
  assert.equal(erased.code, 0, erased.output);
  let end;
  for await (const message of live.messages) if (message.event === 'end') end = message.data;
  assert.equal(end.error.code, 'SPACE_ERASED');
  for (const received of [await push({}), await send(server.url, 'GET', `${PATH}/events?after=3`)]) {
    assert.equal(received.status, 410);
    assert.equal(received.json.error.code, 'SPACE_ERASED');
  }
  const again = await program('export', '--space', 'team 1');
  assert.notEqual(again.code, 0);
  assert.match(again.output, /erased/);
  assert.equal((await program('erase', '--space', 'team 1')).code, 0, 'erasing it again changes nothing');

  await replica.writeEvents([{ streamId: 'mine', type: 'Noted', payload: {}, expectedVersion: 'noStream' }]);
  await assert.rejects(sync.flush(), SpaceErased);
  assert.equal((await replica.readAllEvents()).events.length, 4, 'what the replica holds stays there');
  await replica.close();
});

test('a name that is none, and a command without one, are said', async () => {
  const unnamed = await program('erase');
  assert.notEqual(unnamed.code, 0);
  assert.match(unnamed.output, /--space/);
  const empty = await program('erase', '--space', '');
  assert.notEqual(empty.code, 0);
  assert.match(empty.output, /name of a space/);
});
