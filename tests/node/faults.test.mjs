// What an endpoint promised holds when its database or the endpoint itself is killed in the middle of a push.
// KILLS says how often each is killed.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { startPostgres } from '../../js/tools/postgres.mjs';
import { buildServer, startServer } from '../support/hosts.mjs';
import { commit, send } from '../support/http.mjs';
import { startTcpProxy } from '../support/tcp-proxy.mjs';

const KILLS = Number(process.env.KILLS ?? 3);
const WRITERS = 4;
/** How long after the pushes began the kill comes, at most. */
const SPREAD_MS = 60;
/** How long a push is repeated until it is answered. */
const PATIENCE_MS = 60_000;

describe('an endpoint on a database, either of which is killed', {
  timeout: 240_000 + KILLS * 20_000,
}, () => {
  let postgres;
  /** Two replicas of one endpoint. */
  let servers;
  /** The first one's way to the database. */
  let proxy;
  const start = (url = proxy.url) => startServer(['--database-url', url, '--schema', 'faults']);

  before(async () => {
    [postgres] = await Promise.all([startPostgres(), buildServer()]);
    proxy = await startTcpProxy(postgres.url);
    servers = [await start(), await start(postgres.url)];
  });
  after(async () => {
    await Promise.all(servers?.map((server) => server.stop()) ?? []);
    await proxy?.stop();
    await postgres?.stop();
  });

  /** The outcomes of a push; none where there is no answer that says them. */
  const push = async (replica, space, body) => {
    const received = await send(servers[replica].url, 'POST', `/v1/spaces/${space}/push`, { body }).catch(
      () => undefined,
    );
    if (received === undefined) return undefined;
    // Whoever is not carried out is told to come again; anything else would lie.
    assert.ok(received.status === 200 || received.status === 503, received.text);
    if (received.status === 503) assert.ok(Number(received.headers['retry-after']) >= 1);
    return received.status === 200 ? received.json.outcomes : undefined;
  };
  const untilAnswered = async (replica, space, body) => {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const outcomes = await push(replica, space, body);
      if (outcomes) return outcomes;
      assert.ok(performance.now() < deadline, 'the push is answered at last');
      await pause(50);
    }
  };
  const feed = async (space) => {
    const events = [];
    for (let page = { cursor: 0, complete: false }; !page.complete; events.push(...page.events)) {
      const path = `/v1/spaces/${space}/events?after=${page.cursor}`;
      const received = await send(servers[1].url, 'GET', path);
      assert.equal(received.status, 200, received.text);
      page = received.json;
    }
    return events;
  };

  /** Writers push commits of three events each until `kill` has happened; then everything is looked at. */
  const round = async (space, kill) => {
    const acknowledged = new Map();
    const open = [];
    let killed = false;
    const writers = Array.from({ length: WRITERS }, async (_, writer) => {
      for (let number = 0; !killed; number += 1) {
        const stream = `w-${writer}`;
        const once = commit({ [stream]: number * 2, shared: 'noCheck' }, [
          { stream, payload: { number } },
          { stream: 'shared' },
          { stream },
        ]);
        const body = JSON.stringify({ commits: [once] });
        const outcomes = await push(writer % 2, space, body);
        if (outcomes === undefined) return open.push({ id: once.id, body, writer });
        assert.equal(outcomes[0].status, 'accepted');
        acknowledged.set(once.id, { outcomes, body });
      }
    });
    await pause(Math.random() * SPREAD_MS);
    await kill();
    killed = true;
    await Promise.all(writers);

    // What nobody answered is written whole or not at all, and its repeat says which it became.
    const before = new Map();
    for (const event of await feed(space)) {
      before.set(event.commitId, (before.get(event.commitId) ?? 0) + 1);
    }
    for (const [id, count] of before) assert.equal(count, 3, `commit ${id} is whole`);
    for (const id of acknowledged.keys()) assert.ok(before.has(id), `commit ${id} was acknowledged`);
    for (const { id, body, writer } of open) {
      const outcomes = await untilAnswered(writer % 2, space, body);
      assert.equal(outcomes[0].status, 'accepted', JSON.stringify(outcomes));
      acknowledged.set(id, { outcomes, body });
    }
    // A repeat of anything gives the same answer, from either replica.
    for (const [{ outcomes, body }, replica] of [...acknowledged.values()].map((each, at) => [
      each,
      at % 2,
    ])) {
      assert.deepEqual(await untilAnswered(replica, space, body), outcomes);
    }
    const events = await feed(space);
    assert.deepEqual(
      events.map(({ position }) => position),
      Array.from({ length: acknowledged.size * 3 }, (_, at) => at + 1),
    );
    for (let first = 0; first < events.length; first += 3) {
      assert.equal(new Set(events.slice(first, first + 3).map(({ commitId }) => commitId)).size, 1);
    }
  };

  for (let kill = 1; kill <= KILLS; kill += 1) {
    test(`PostgreSQL by SIGKILL, ${kill}`, () =>
      round(`database-${kill}`, async () => {
        await postgres.kill();
        await postgres.restart();
      }));

    test(`the connections between a replica and PostgreSQL cut, ${kill}`, () =>
      round(`connections-${kill}`, async () => {
        for (let cuts = 0; cuts < 3; cuts += 1) {
          proxy.cut();
          await pause(Math.random() * SPREAD_MS);
        }
      }));

    test(`a replica by SIGKILL, ${kill}`, () =>
      round(`replica-${kill}`, async () => {
        await servers[0].stop('SIGKILL');
        servers[0] = await start();
      }));
  }

  /** Somebody holds the space's row: what waits for it is bounded, and who comes then is told to come again. */
  test('a database that is slow for one space', async () => {
    const once = (number) =>
      JSON.stringify({ commits: [commit({ [`s-${number}`]: 'noStream' }, [{ stream: `s-${number}` }])] });
    const server = await startServer([
      '--database-url',
      postgres.url,
      '--schema',
      'faults',
      '--max-waiting',
      '16',
      '--statement-timeout',
      '60',
    ]);
    const client = new pg.Client({ connectionString: postgres.url });
    client.on('error', () => {});
    try {
      await client.connect();
      const push1 = (space, number) =>
        send(server.url, 'POST', `/v1/spaces/${space}/push`, { body: once(number) });
      assert.equal((await push1('slow', 'first')).status, 200);
      await client.query(`begin; select from faults.spaces where space = 'slow' for update`);
      const bodies = Array.from({ length: 100 }, (_, number) => once(number));
      let shed = 0;
      let enough = () => {};
      const most = new Promise((resolve) => {
        enough = resolve;
      });
      const pushing = bodies.map(async (body) => {
        const received = await send(server.url, 'POST', '/v1/spaces/slow/push', { body });
        if (received.status !== 200) {
          assert.equal(received.status, 503, received.text);
          assert.equal(received.json.error.code, 'OVERLOADED');
          assert.ok(Number(received.headers['retry-after']) >= 1);
          shed += 1;
          if (shed === 100 - 2 * 16) enough();
          return body;
        }
        return undefined;
      });
      await most;
      assert.equal((await push1('quick', 1)).status, 200, 'another space is not held up');
      await client.query('rollback');
      const again = (await Promise.all(pushing)).filter((body) => body !== undefined);
      assert.ok(again.length >= 100 - 2 * 16, 'no more than one transaction, and what may wait for the next');
      for (const body of again) {
        const { status, json } = await send(server.url, 'POST', '/v1/spaces/slow/push', { body });
        assert.equal(status, 200);
        assert.equal(json.outcomes[0].status, 'accepted', 'it was not written before');
      }
      const { json } = await send(server.url, 'GET', '/v1/spaces/slow/events');
      assert.equal(json.head, 101);
    } finally {
      await client.end();
      await server.stop();
    }
  });
});
