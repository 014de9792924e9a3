// What every host of the endpoint does, seen from outside: the same cases over a real socket for each of them.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { commit, follow, newId, send } from './http.mjs';
import { assertDocumented, DOCUMENT, problems } from './openapi.mjs';

/** The origin whose pages a host under test must admit. */
export const ADMITTED = 'https://app.example.com';
const BODY_LIMIT = 16 << 20;

/**
 * @typedef {{ url: string, stop: () => Promise<unknown>, database?: { kill(): Promise<void>, restart(): Promise<void> } }} Host
 * @param {string} name
 * @param {() => Promise<Host>} start A host on an empty schema; it admits pages of `ADMITTED`.
 * @param {{ canLoseDatabase?: boolean }} [options] Whether `database` can be killed and started again.
 */
export function endpointSuite(name, start, { canLoseDatabase = false } = {}) {
  describe(name, () => {
    /** @type {Host} */
    let host;
    let spaces = 0;
    before(async () => {
      host = await start();
    });
    after(() => host?.stop());

    /** A space that nobody wrote to. */
    const fresh = () => `space-${++spaces}`;
    /** Every answer is held to the OpenAPI document. */
    const call = async (method, path, options) => {
      const received = await send(host.url, method, path, options);
      if (method !== 'OPTIONS') assertDocumented(method, path, received);
      return received;
    };
    const push = async (space, ...commits) => {
      const body = JSON.stringify({ commits });
      const received = await call('POST', `/v1/spaces/${encodeURIComponent(space)}/push`, { body });
      assert.equal(received.status, 200, received.text);
      return received.json;
    };
    const pull = async (space, query = '') => {
      const received = await call('GET', `/v1/spaces/${encodeURIComponent(space)}/events?${query}`);
      assert.equal(received.status, 200, received.text);
      return received.json;
    };
    const refused = async (status, code, ...request) => {
      const received = await call(...request);
      assert.deepEqual([received.status, received.json?.error?.code], [status, code], received.text);
      assert.equal(typeof received.json.error.message, 'string');
      return received;
    };

    it('says that it is alive and ready, and who it is', async () => {
      const health = await call('GET', '/healthz');
      assert.deepEqual([health.status, health.json], [200, { status: 'ok' }]);
      const ready = await call('GET', '/readyz');
      assert.equal(ready.json.status, 'ready');
      assert.equal(ready.headers['eventcore-protocol'], '1');
      assert.equal(ready.headers['cache-control'], 'no-store');
      assert.equal((await pull(fresh())).backendId, ready.json.backendId);
    });

    it('serves the document that its answers are held to', async () => {
      assert.deepEqual((await call('GET', '/openapi.json')).json, DOCUMENT);
    });

    it('gives pushed events back in order, with positions and versions', async () => {
      const space = fresh();
      const first = commit({ a: 'noStream', b: 'noStream' }, [
        { stream: 'a' },
        { stream: 'b' },
        { stream: 'a' },
      ]);
      const second = commit({ a: 2 }, [{ stream: 'a' }]);
      const pushed = await push(space, first, second);
      assert.equal(pushed.head, 4);
      assert.deepEqual(pushed.outcomes, [
        {
          status: 'accepted',
          commitId: first.id,
          eventIds: first.events.map(({ id }) => id),
          versions: { a: 2, b: 1 },
          positions: { first: 1, last: 3 },
        },
        {
          status: 'accepted',
          commitId: second.id,
          eventIds: second.events.map(({ id }) => id),
          versions: { a: 3 },
          positions: { first: 4, last: 4 },
        },
      ]);
      const page = await pull(space);
      assert.deepEqual([page.head, page.cursor, page.complete], [4, 4, true]);
      const sent = [...first.events, ...second.events];
      assert.deepEqual(
        page.events.map(({ position, commitId, version, ...event }) => event),
        sent,
      );
      assert.deepEqual(
        page.events.map(({ position }) => position),
        [1, 2, 3, 4],
      );
      assert.deepEqual(
        page.events.map(({ version }) => version),
        [1, 1, 2, 3],
      );
    });

    it('answers a repeated push with the first result', async () => {
      const space = fresh();
      const once = commit({ s: 'noStream' }, [{ stream: 's', payload: { b: 1, a: [null] } }]);
      const first = await push(space, once);
      await push(space, commit({ s: 1 }, [{ stream: 's' }]));
      const again = await push(space, once);
      assert.deepEqual(again.outcomes, first.outcomes);
      assert.equal(again.head, 2);
    });

    it('reports a conflict with the events that were not expected, and attempts nothing behind it', async () => {
      const space = fresh();
      const theirs = commit({ s: 'noStream' }, [
        { stream: 's', payload: 1 },
        { stream: 's', payload: 2 },
      ]);
      await push(space, theirs);
      const [fine, stale, behind] = [
        commit({ other: 'noStream' }, [{ stream: 'other' }]),
        commit({ s: 1 }, [{ stream: 's' }]),
        commit({ t: 'noStream' }, [{ stream: 't' }]),
      ];
      const { outcomes, head } = await push(space, fine, stale, behind);
      assert.deepEqual(
        outcomes.map(({ status }) => status),
        ['accepted', 'conflict', 'notAttempted'],
      );
      assert.deepEqual(outcomes[1].streams, [{ streamId: 's', expected: 1, actual: 2 }]);
      assert.deepEqual(
        outcomes[1].events.map(({ id }) => id),
        [theirs.events[1].id],
      );
      assert.equal(head, 3);
    });

    it('rejects what can never be written, for this commit alone', async () => {
      const space = fresh();
      const id = newId();
      await push(space, commit({ s: 'noStream' }, [{ stream: 's', id, payload: 1 }]));
      const reused = await push(space, commit({ s: 1 }, [{ stream: 's', id, payload: 2 }]));
      assert.deepEqual([reused.outcomes[0].status, reused.outcomes[0].code], ['rejected', 'EVENT_ID_REUSED']);
      const untrimmed = commit({ ' s': 'noStream' }, [{ stream: ' s' }]);
      const { outcomes } = await push(space, commit({ t: 'noStream' }, [{ stream: 't' }]), untrimmed);
      assert.deepEqual(
        outcomes.map(({ status, code }) => [status, code]),
        [
          ['accepted', undefined],
          ['rejected', 'INVALID_STREAM_ID'],
        ],
      );
    });

    it('keeps every payload as it means', async () => {
      const space = fresh();
      const payloads = [
        null,
        true,
        'ä🦀"\\',
        0,
        -0.5,
        1e300,
        5e-324,
        2 ** 53 - 1,
        [],
        {},
        { z: 1, a: { b: [1, [2]] } },
      ];
      await push(
        space,
        commit(
          { s: 'noStream' },
          payloads.map((payload) => ({ stream: 's', payload })),
        ),
      );
      assert.deepEqual(
        (await pull(space)).events.map(({ payload }) => payload),
        payloads,
      );
    });

    it('reads the feed by pages, and goes on from a cursor', async () => {
      const space = fresh();
      const commits = Array.from({ length: 7 }, () => commit({ s: 'noCheck' }, [{ stream: 's' }]));
      await push(space, ...commits);
      const positions = [];
      let page = { cursor: 0, complete: false };
      while (!page.complete) {
        page = await pull(space, `after=${page.cursor}&limit=3`);
        positions.push(...page.events.map(({ position }) => position));
      }
      assert.deepEqual(positions, [1, 2, 3, 4, 5, 6, 7]);
      const beyond = await pull(space, 'after=99');
      assert.deepEqual([beyond.events, beyond.head], [[], 7]);
    });

    it('keeps spaces apart, whatever their names are', async () => {
      const names = [`${fresh()}/ä %2F`, `${fresh()}'; drop table events; --`, `${fresh()}_`, `${fresh()}%`];
      const id = newId();
      for (const space of names) {
        const { head } = await push(
          space,
          commit({ s: 'noStream' }, [{ stream: 's', id, payload: space }], id),
        );
        assert.equal(head, 1);
      }
      for (const space of names) assert.equal((await pull(space)).events[0].payload, space);
    });

    it('gives concurrent pushes dense positions, and a reader misses none', async () => {
      const space = fresh();
      const writers = Array.from({ length: 32 }, async (_, writer) => {
        for (let version = 0; version < 4; version += 1) {
          const events = [{ stream: `w-${writer}` }, { stream: 'shared' }];
          const { outcomes } = await push(
            space,
            commit({ [`w-${writer}`]: version, shared: 'noCheck' }, events),
          );
          assert.equal(outcomes[0].status, 'accepted');
        }
      });
      const seen = [];
      let cursor = 0;
      const read = async () => {
        while (seen.length < 256) {
          const page = await pull(space, `after=${cursor}`);
          seen.push(...page.events.map(({ position }) => position));
          cursor = page.cursor;
        }
      };
      await Promise.all([...writers, read()]);
      assert.deepEqual(
        seen,
        Array.from({ length: 256 }, (_, at) => at + 1),
      );
    });

    it('lets one of concurrent writers with one expectation win', async () => {
      const space = fresh();
      const pushes = Array.from({ length: 16 }, () =>
        push(space, commit({ s: 'noStream' }, [{ stream: 's' }])),
      );
      const statuses = (await Promise.all(pushes)).map(({ outcomes }) => outcomes[0].status);
      assert.equal(statuses.filter((status) => status === 'accepted').length, 1);
      assert.equal(statuses.filter((status) => status === 'conflict').length, 15);
    });

    it('says what is not there, not allowed or not understood', async () => {
      await refused(404, 'INVALID_REQUEST', 'GET', '/v2/spaces/a/events');
      const post = await refused(405, 'INVALID_REQUEST', 'GET', '/v1/spaces/a/push');
      assert.equal(post.headers.allow, 'POST');
      const get = await refused(405, 'INVALID_REQUEST', 'DELETE', '/v1/spaces/a/events');
      assert.equal(get.headers.allow, 'GET');
      for (const body of ['', 'no JSON', '{}', '{"commits":[{}]}', Buffer.from([0xff])]) {
        await refused(400, 'INVALID_REQUEST', 'POST', '/v1/spaces/a/push', { body });
      }
      await refused(400, 'INVALID_REQUEST', 'GET', '/v1/spaces/a/events?after=-1');
      await refused(400, 'INVALID_REQUEST', 'GET', '/v1/spaces/%zz/events');
      await refused(400, 'INVALID_NAME', 'GET', '/v1/spaces/%20a/events');
    });

    it('refuses a client of another protocol', async () => {
      const headers = { 'eventcore-protocol': '2' };
      const received = await refused(426, 'PROTOCOL_UNSUPPORTED', 'GET', '/v1/spaces/a/events', { headers });
      assert.equal(received.headers['eventcore-protocol'], '1');
      const same = await call('GET', '/v1/spaces/a/events', { headers: { 'eventcore-protocol': '1' } });
      assert.equal(same.status, 200);
    });

    it('refuses a body over its limit, stated or not', async () => {
      const stated = { headers: { 'content-length': String(BODY_LIMIT + 1) }, body: Buffer.alloc(1) };
      const chunks = Array.from({ length: 17 }, () => Buffer.alloc(1 << 20, ' '));
      await refused(413, 'PAYLOAD_TOO_LARGE', 'POST', '/v1/spaces/a/push', {
        headers: { 'transfer-encoding': 'chunked' },
        body: chunks,
      });
      const received = await Promise.race([
        call('POST', '/v1/spaces/a/push', stated),
        new Promise((resolve) => setTimeout(resolve, 5_000, { status: 'none' })),
      ]);
      assert.equal(received.status, 413);
    });

    it('answers this machine and admitted pages only, while nobody verifies tokens', async () => {
      const path = '/v1/spaces/a/events';
      await refused(403, 'FORBIDDEN', 'GET', path, { headers: { host: 'evil.example.com' } });
      await refused(403, 'FORBIDDEN', 'GET', path, { headers: { origin: 'https://evil.example.com' } });
      await refused(403, 'FORBIDDEN', 'POST', '/v1/spaces/a/push', {
        headers: { origin: 'null' },
        body: '{}',
      });
      assert.equal((await call('GET', path, { headers: { origin: host.url } })).status, 200);
      const admitted = await call('GET', path, { headers: { origin: ADMITTED } });
      assert.equal(admitted.status, 200);
      assert.equal(admitted.headers['access-control-allow-origin'], ADMITTED);
      assert.match(admitted.headers['access-control-expose-headers'], /eventcore-protocol/);
    });

    it('tells a browser before it sends', async () => {
      const ask = (origin) =>
        call('OPTIONS', '/v1/spaces/a/push', {
          headers: {
            origin,
            'access-control-request-method': 'POST',
            'access-control-request-headers': 'content-type,eventcore-protocol',
          },
        });
      const admitted = await ask(ADMITTED);
      assert.ok(admitted.status === 200 || admitted.status === 204);
      assert.equal(admitted.headers['access-control-allow-origin'], ADMITTED);
      assert.match(admitted.headers['access-control-allow-methods'], /POST/);
      assert.match(admitted.headers['access-control-allow-headers'], /content-type/);
      assert.match(admitted.headers['access-control-allow-headers'], /eventcore-protocol/);
      assert.equal((await ask('https://evil.example.com')).headers['access-control-allow-origin'], undefined);
    });

    /** Follows a space; the answer's `pages` are the messages that have pages. */
    const live = async (space, query = '', headers = {}) => {
      const stream = await follow(host.url, `/v1/spaces/${encodeURIComponent(space)}/live?${query}`, headers);
      assert.equal(stream.status, 200);
      const pages = (async function* () {
        for await (const message of stream.messages) if (message.event === 'page') yield message;
      })();
      const next = async () => (await pages.next()).value;
      return { ...stream, next, pages };
    };

    it('tells a follower at once where the space stands, and then what comes', async () => {
      const space = fresh();
      const stream = await live(space);
      try {
        assert.equal(stream.headers['content-type'], 'text/event-stream');
        assert.equal(stream.headers['cache-control'], 'no-store');
        assert.equal(stream.headers['eventcore-protocol'], '1');
        const { id, data } = await stream.next();
        const { backendId } = (await call('GET', '/readyz')).json;
        assert.deepEqual([id, data], ['0', { backendId, head: 0, cursor: 0, complete: true, events: [] }]);
        for (const version of [0, 1, 2]) {
          await push(space, commit({ s: version }, [{ stream: 's', payload: { text: 'a\nb\r\u2028' } }]));
          const page = await stream.next();
          assert.equal(page.id, String(version + 1));
          assert.equal(problems('/components/schemas/EventsAnswer', page.data), '');
          assert.deepEqual(page.data, await pull(space, `after=${version}`));
        }
      } finally {
        stream.close();
      }
    });

    it('goes on for a follower where the last event stood, not where it once began', async () => {
      const space = fresh();
      await push(space, ...[0, 1, 2].map((version) => commit({ s: version }, [{ stream: 's' }])));
      for (const [query, headers, first] of [
        ['after=1', {}, 2],
        ['after=0', { 'last-event-id': '2' }, 3],
      ]) {
        const stream = await live(space, query, headers);
        const { data } = await stream.next();
        stream.close();
        assert.equal(data.events[0].position, first);
      }
      const headers = { 'last-event-id': 'x' };
      await refused(400, 'INVALID_REQUEST', 'GET', `/v1/spaces/${space}/live`, { headers });
    });

    it('tells every follower each event once and in order, while many write', async () => {
      const space = fresh();
      const count = 8 * 8;
      const streams = await Promise.all(Array.from({ length: 5 }, () => live(space)));
      const followers = streams.map(async ({ pages, close }) => {
        const positions = [];
        for await (const { data } of pages) {
          positions.push(...data.events.map(({ position }) => position));
          if (positions.length >= count) break;
        }
        close();
        return positions;
      });
      const writers = Array.from({ length: 8 }, async (_, writer) => {
        for (let version = 0; version < 8; version += 1) {
          await push(space, commit({ [`w-${writer}`]: version }, [{ stream: `w-${writer}` }]));
        }
      });
      await Promise.all(writers);
      for (const positions of await Promise.all(followers)) {
        assert.deepEqual(
          positions,
          Array.from({ length: count }, (_, at) => at + 1),
        );
      }
    });

    const outage = async () => {
      const space = fresh();
      const kept = commit({ s: 'noStream' }, [{ stream: 's' }]);
      await push(space, kept);
      await host.database.kill();
      // The identity is remembered for a second.
      await new Promise((resolve) => setTimeout(resolve, 1_100));
      const body = JSON.stringify({ commits: [commit({ s: 1 }, [{ stream: 's' }])] });
      const received = await refused(503, 'STORAGE_UNAVAILABLE', 'POST', `/v1/spaces/${space}/push`, {
        body,
      });
      assert.equal(received.headers['retry-after'], '1');
      await refused(503, 'STORAGE_UNAVAILABLE', 'GET', '/readyz');
      assert.equal((await call('GET', '/healthz')).status, 200);
      await host.database.restart();
      assert.equal((await call('POST', `/v1/spaces/${space}/push`, { body })).status, 200);
      assert.deepEqual(
        (await pull(space)).events.map(({ version }) => version),
        [1, 2],
      );
    };
    if (canLoseDatabase) it('loses nothing when the database goes away, and comes back with it', outage);
  });
}
