// What `eventcore-server` adds to the endpoint for who operates it: its configuration, its log, metrics and limits.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import pg from 'pg';
import { serverProgram, startProgram, startServer } from '../support/hosts.mjs';
import { commit, follow, send, until } from '../support/http.mjs';
import { DOCUMENT } from '../support/openapi.mjs';
import { events, push, serving } from '../support/serving.mjs';

const { world, file, start } = serving();

/** The next page that a follower is told. */
const pageOf = async (messages) => {
  for (;;) {
    const { value } = await messages.next();
    if (value.event === 'page') return value.data;
  }
};

describe('what an operator sees', () => {
  it('takes options from a file, behind the environment and flags', async () => {
    const config = await file(
      'server.toml',
      `database-url = "${world.postgres.url}"\nlisten = "127.0.0.1:1"\nallow_origin = ["https://a.example", "https://b.example"]\nmax-body-bytes = 100\n`,
    );
    const { url, stop } = await startServer(['--config', config]);
    try {
      assert.equal((await push(url, 'a')).status, 413);
      for (const origin of ['https://a.example', 'https://b.example']) {
        const { headers } = await send(url, 'GET', '/healthz', { headers: { origin } });
        assert.equal(headers['access-control-allow-origin'], origin);
      }
    } finally {
      await stop();
    }
    const wrong = await file('wrong.toml', 'lisen = "127.0.0.1:0"\n');
    const { stop: end } = await startProgram(serverProgram(), ['--config', wrong], /(.+)/s);
    const { code, output } = await end('SIGCONT');
    assert.notEqual(code, 0);
    assert.match(output, /wrong\.toml: "lisen" is no option/);
  });

  it('names each request in its answer and in its log', async () => {
    const server = await startProgram(
      serverProgram(),
      [
        '--listen',
        '127.0.0.1:0',
        '--database-url',
        world.postgres.url,
        '--log',
        'info',
        '--log-format',
        'json',
      ],
      /(http:[^\s"]+)/,
    );
    const headers = { 'x-request-id': 'mine-1' };
    assert.equal((await send(server.said, 'GET', '/healthz', { headers })).headers['x-request-id'], 'mine-1');
    const odd = { 'x-request-id': 'a b' };
    const given = (await send(server.said, 'GET', '/healthz', { headers: odd })).headers['x-request-id'];
    assert.match(given, /^[0-9a-f-]{36}$/);
    const { code, output } = await server.stop();
    assert.equal(code, 0);
    const lines = output.split('\n').filter((line) => line.startsWith('{'));
    const logged = lines.map((line) => JSON.parse(line)).find(({ request_id }) => request_id === 'mine-1');
    assert.deepEqual([logged.path, logged.status, logged.level], ['/healthz', 200, 'INFO']);
  });

  it('counts pushes, events, conflicts and followers', async () => {
    const { url, stop } = await start('--schema', 'counted');
    try {
      const first = commit({ s: 'noStream' }, [{ stream: 's' }, { stream: 's' }]);
      await push(url, 'a', {}, [first]);
      await push(url, 'a', {}, [commit({ s: 'noStream' }, [{ stream: 's' }])]);
      const stream = await follow(url, '/v1/spaces/a/live');
      await pageOf(stream.messages);
      const { status, headers, text } = await send(url, 'GET', '/metrics');
      stream.close();
      // What is told to others after a push has a connection of its own for a moment.
      await until(async () => (await send(url, 'GET', '/metrics')).text.includes('{state="lent"} 0'));
      assert.equal(status, 200);
      const { content } = DOCUMENT.paths['/metrics'].get.responses[200];
      assert.deepEqual([headers['content-type']], Object.keys(content));
      for (const line of [
        'eventcore_requests_total{kind="Push",status="200"} 2',
        'eventcore_pushed_commits_total{outcome="accepted"} 1',
        'eventcore_pushed_commits_total{outcome="conflict"} 1',
        'eventcore_written_events_total 2',
        'eventcore_live_followers 1',
        'eventcore_request_seconds_count{kind="Push",status="200"} 2',
        'eventcore_live_behind_events 0',
        'eventcore_live_delivery_seconds_count 1',
        'eventcore_pool_connections{state="most"} 20',
        'eventcore_pool_waiting 0',
      ]) {
        assert.ok(text.split('\n').includes(line), `${line}\n${text}`);
      }
    } finally {
      await stop();
    }
  });

  it('says how far a follower is behind who does not read, and that it caught up', async () => {
    const { url, stop } = await start('--schema', 'behind');
    const behind = async () => {
      const { text } = await send(url, 'GET', '/metrics');
      return Number(/^eventcore_live_behind_events (\d+)$/m.exec(text)[1]);
    };
    try {
      const stream = await follow(url, '/v1/spaces/a/live');
      // More than a connection holds on its way.
      const payload = 'x'.repeat(200_000);
      for (let count = 0; count < 20; count += 1) {
        const commits = Array.from({ length: 5 }, () => commit({ s: 'noCheck' }, [{ stream: 's', payload }]));
        assert.equal((await push(url, 'a', {}, commits)).status, 200);
      }
      assert.ok((await behind()) > 0);
      let told = 0;
      for await (const { event, data } of stream.messages) {
        if (event === 'page') told += data.events.length;
        if (told === 100) break;
      }
      assert.equal(told, 100);
      await until(async () => (await behind()) === 0);
    } finally {
      await stop();
    }
  });

  it('ends the streams of its followers when it is told to stop', async () => {
    const server = await start('--schema', 'stopped');
    const stream = await follow(server.url, '/v1/spaces/a/live');
    const messages = [];
    const read = (async () => {
      for await (const message of stream.messages) messages.push(message);
    })();
    await until(() => messages.some(({ event }) => event === 'page'));
    const { code, output } = await server.stop();
    await read;
    assert.equal(code, 0);
    assert.doesNotMatch(output, /still under way/);
  });

  it('finishes a request that is under way when it is told to stop, and takes no other', async () => {
    const server = await start('--schema', 'finished');
    const body = JSON.stringify({ commits: [commit({ s: 'noStream' }, [{ stream: 's' }])] });
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    const answer = text(socket);
    const head = `POST /v1/spaces/a/push HTTP/1.1\r\nhost: ${hostname}:${port}\r\n`;
    await new Promise((resolve) => socket.write(`${head}content-length: ${body.length}\r\n\r\n{`, resolve));
    // It is there when the server has read so much of it.
    assert.equal((await send(server.url, 'GET', '/healthz')).status, 200);
    const ended = server.stop();
    await until(() =>
      send(server.url, 'GET', '/healthz').then(
        () => false,
        () => true,
      ),
    );
    socket.write(body.slice(1));
    assert.match(await answer, /^HTTP\/1\.1 200 OK[\s\S]*"accepted"/);
    assert.equal((await ended).code, 0);
  });

  it('closes a connection that sends no request, and lets others wait for theirs', async () => {
    const { url, stop } = await start('--header-timeout', '1', '--max-connections', '2');
    const { hostname, port } = new URL(url);
    const open = (said) => {
      const socket = connect(Number(port), hostname, () => socket.write(said));
      const state = { closed: false };
      socket
        .on('error', () => {})
        .on('close', () => {
          state.closed = true;
        });
      socket.resume();
      return state;
    };
    try {
      const [silent, slow] = [open(''), open(`GET /healthz HTTP/1.1\r\nhost: ${hostname}\r\nx-slow: `)];
      await until(async () => silent.closed && slow.closed);
      const idle = [open(''), open('')];
      assert.equal((await send(url, 'GET', '/healthz')).status, 200);
      await until(() => idle.every(({ closed }) => closed));
    } finally {
      await stop();
    }
  });

  it('holds a thousand followers in little memory, and asks the database nothing for them', {
    skip: process.platform !== 'linux' && 'memory is read from /proc',
  }, async () => {
    const followers = Number(process.env.FOLLOWERS ?? 1_000);
    const { url, pid, stop } = await start('--schema', 'followed');
    const client = new pg.Client({ connectionString: world.postgres.url });
    await client.connect();
    const transactions = async () => {
      const sql = 'select sum(xact_commit + xact_rollback)::float8 as count from pg_stat_database';
      return (await client.query(sql)).rows[0].count;
    };
    try {
      const streams = [];
      // In steps: who listens takes a limited number of new connections at once.
      while (streams.length < followers) {
        const some = Array.from({ length: Math.min(100, followers - streams.length) }, (_, at) =>
          follow(url, `/v1/spaces/space-${at % 50}/live`),
        );
        streams.push(...(await Promise.all(some)));
      }
      for (const { messages } of streams) await pageOf(messages);
      // PostgreSQL counts a while behind.
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      const before = await transactions();
      await new Promise((resolve) => setTimeout(resolve, 5_000));
      const asked = (await transactions()) - before;
      assert.ok(asked < 50, `${asked} transactions in 5 s, PostgreSQL's own among them`);
      for (let at = 0; at < 50; at += 1) assert.equal((await push(url, `space-${at}`)).status, 200);
      for (const { messages } of streams) assert.equal((await pageOf(messages)).events.length, 1);
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      const mb = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)[1]) / 1_024;
      console.log(`${followers} followers: at most ${mb.toFixed(1)} MB, ${asked} transactions in 5 s`);
      assert.ok(mb < 64, `${mb} MB`);
      for (const { close } of streams) close();
    } finally {
      await client.end();
      await stop();
    }
  });

  it('sends away who asks too often, and lets them in again', async () => {
    const { url, stop } = await start('--rate-limit', '1', '--rate-burst', '3');
    try {
      const answers = await Promise.all(Array.from({ length: 30 }, () => events(url, 'a')));
      assert.ok(answers.filter(({ status }) => status === 200).length >= 3);
      const refused = answers.find(({ status }) => status === 429);
      assert.equal(refused.json.error.code, 'RATE_LIMITED');
      assert.ok(Number(refused.headers['retry-after']) >= 1);
      assert.equal((await send(url, 'GET', '/healthz')).status, 200, 'health is not limited');
      const deadline = Date.now() + 60_000;
      let status = 429;
      while (status === 429 && Date.now() < deadline) ({ status } = await events(url, 'a'));
      assert.equal(status, 200);
    } finally {
      await stop();
    }
  });

  it('compresses answers, takes compressed bodies, and counts them as they unfold', async () => {
    const { url, stop } = await start('--schema', 'packed', '--max-body-bytes', '100000');
    try {
      const text = JSON.stringify({
        commits: [commit({ s: 'noStream' }, [{ stream: 's', payload: 'x'.repeat(9_000) }])],
      });
      const packed = { 'content-encoding': 'gzip' };
      const pushed = await send(url, 'POST', '/v1/spaces/a/push', { headers: packed, body: gzipSync(text) });
      assert.equal(pushed.status, 200, pushed.text);
      for (const encoding of ['gzip', 'br', 'zstd']) {
        const response = await fetch(`${url}/v1/spaces/a/events`, {
          headers: { 'accept-encoding': encoding },
        });
        assert.equal(response.headers.get('content-encoding'), encoding);
        if (encoding !== 'zstd') assert.equal((await response.json()).head, 1);
        else await response.body.cancel();
      }
      const bomb = gzipSync(Buffer.alloc(10 << 20, ' '));
      assert.ok(bomb.length < 100_000 && gunzipSync(bomb).length > 100_000);
      const refused = await send(url, 'POST', '/v1/spaces/a/push', { headers: packed, body: bomb });
      assert.deepEqual([refused.status, refused.json.error.code], [413, 'PAYLOAD_TOO_LARGE']);
      const broken = await send(url, 'POST', '/v1/spaces/a/push', { headers: packed, body: 'no gzip' });
      assert.equal(broken.status, 400);
    } finally {
      await stop();
    }
  });
});
