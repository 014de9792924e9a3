// Commits in, the feed out: on every host of the endpoint.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { commit, newId } from '../http.mjs';
import { DOCUMENT } from '../openapi.mjs';

/** @param {import('./talk.mjs').Talk} talk */
export function feed({ call, fresh, push, pull }) {
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
}
