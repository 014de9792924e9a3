// Whoever reads while 32 writers push to two replicas, one of which is killed, sees each event once and in order.
// EVENTS says how many are pushed, and SERVER=release to servers as they are shipped.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { startPostgres } from '../../js/tools/postgres.mjs';
import { buildServer, startServer } from '../support/hosts.mjs';
import { commit, follow, send } from '../support/http.mjs';

const EVENTS = Number(process.env.EVENTS ?? 20_000);
const WRITERS = 32;
/** Each push is so many commits of so many events. */
const COMMITS = 5;
const SIZE = 4;
const PUSHES = Math.ceil(EVENTS / (WRITERS * COMMITS * SIZE));
const TOTAL = PUSHES * WRITERS * COMMITS * SIZE;
const PATIENCE_MS = 120_000;
const PATH = '/v1/spaces/ordered';

let postgres;
/** Two replicas of one endpoint. */
let servers;
before(async () => {
  [postgres] = await Promise.all([startPostgres(), buildServer()]);
  const start = () => startServer(['--database-url', postgres.url, '--schema', 'ordered']);
  servers = [await start(), await start()];
});
after(async () => {
  await Promise.all(servers?.map((server) => server.stop('SIGKILL')) ?? []);
  await postgres?.stop();
});

/** Calls something of the replicas by turns until one answers; the one that is dead never does. */
async function untilAnswered(first, ask) {
  const deadline = performance.now() + PATIENCE_MS;
  for (let turn = first; ; turn += 1) {
    const answered = await ask(servers[turn % 2].url).catch(() => undefined);
    if (answered !== undefined) return answered;
    assert.ok(performance.now() < deadline, 'a replica answers at last');
    await pause(20);
  }
}

/** Pushes until it is done; a push that nobody answered is repeated. Answers with the ids of what it wrote. */
async function write(writer) {
  const ids = [];
  for (let number = 0; number < PUSHES; number += 1) {
    const stream = `w-${writer}`;
    const commits = Array.from({ length: COMMITS }, (_, at) =>
      commit({ [stream]: (number * COMMITS + at) * (SIZE - 1), shared: 'noCheck' }, [
        { stream: 'shared' },
        ...Array.from({ length: SIZE - 1 }, () => ({ stream })),
      ]),
    );
    const body = JSON.stringify({ commits });
    const outcomes = await untilAnswered(writer, async (url) => {
      const { status, json } = await send(url, 'POST', `${PATH}/push`, { body });
      return status === 200 ? json.outcomes : undefined;
    });
    assert.ok(
      outcomes.every(({ status }) => status === 'accepted'),
      JSON.stringify(outcomes),
    );
    ids.push(...commits.flatMap(({ events }) => events.map(({ id }) => id)));
  }
  return ids;
}

/** What a reader has seen: positions must come one after the other, and pages must end where commits end. */
function seen() {
  const ids = [];
  let cursor = 0;
  return {
    ids,
    take(page) {
      for (const { position, id } of page.events) {
        assert.equal(position, ids.length + 1, 'nothing is missed, nothing comes twice');
        ids.push(id);
      }
      assert.ok(page.head >= page.cursor && page.cursor >= cursor, 'the head and the cursor never go back');
      assert.equal(page.cursor, ids.length);
      assert.equal(ids.length % SIZE, 0, 'a page ends where a commit ends');
      cursor = page.cursor;
    },
    get cursor() {
      return cursor;
    },
    get done() {
      return ids.length >= TOTAL;
    },
  };
}

async function poll(replica) {
  const reader = seen();
  while (!reader.done) {
    const page = await untilAnswered(replica, async (url) => {
      const { status, json } = await send(url, 'GET', `${PATH}/events?after=${reader.cursor}&limit=300`);
      return status === 200 ? json : undefined;
    });
    reader.take(page);
    if (page.complete && !reader.done) await pause(5);
  }
  return reader.ids;
}

async function followLive(replica) {
  const reader = seen();
  while (!reader.done) {
    const live = await untilAnswered(replica, (url) => follow(url, `${PATH}/live?after=${reader.cursor}`));
    try {
      for await (const { event, data } of live.messages) {
        if (event === 'page') reader.take(data);
        if (reader.done) break;
      }
    } catch (error) {
      // The replica is gone; the other one goes on where it broke off.
      if (error instanceof assert.AssertionError) throw error;
    } finally {
      live.close();
    }
  }
  return reader.ids;
}

/** Two lists are the same; of a million ids only the first that differ are told. */
function same(list, expected, law) {
  assert.equal(list.length, expected.length, law);
  const at = list.findIndex((id, index) => id !== expected[index]);
  assert.deepEqual([at, list[at]], [-1, undefined], law);
}

test(`${TOTAL} events by ${WRITERS} writers over two replicas, one of which is killed`, {
  timeout: 240_000 + TOTAL * 2,
}, async () => {
  const readers = [poll(0), poll(1), followLive(0), followLive(1)];
  const writers = Array.from({ length: WRITERS }, (_, writer) => write(writer));
  // When a third is written, replica 0 dies in the middle of what it does.
  const killing = (async () => {
    for (;;) {
      const page = await send(servers[1].url, 'GET', `${PATH}/events?after=0&limit=1`);
      if (page.json.head > TOTAL / 3) return servers[0].stop('SIGKILL');
      await pause(20);
    }
  })();
  const [[first, ...others], written] = await Promise.all([
    Promise.all(readers),
    Promise.all(writers),
    killing,
  ]);
  for (const other of others) same(other, first, 'all readers see the same');
  same(first.toSorted(), written.flat().toSorted(), 'what was acknowledged, and nothing else');
});
