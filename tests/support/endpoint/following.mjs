// Following a space live: on every host of the endpoint.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { commit } from '../http.mjs';
import { problems } from '../openapi.mjs';

/** @param {import('./talk.mjs').Talk} talk */
export function following({ call, fresh, push, pull, refused, live }) {
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
}
