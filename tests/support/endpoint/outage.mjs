// A database that goes away and comes back: on every host whose database can be killed.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { commit } from '../http.mjs';

/** @param {import('./talk.mjs').Talk} talk */
export function outage({ host, call, fresh, push, pull, refused }) {
  it('loses nothing when the database goes away, and comes back with it', async () => {
    const space = fresh();
    const kept = commit({ s: 'noStream' }, [{ stream: 's' }]);
    await push(space, kept);
    await host().database.kill();
    // The identity is remembered for a second.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const body = JSON.stringify({ commits: [commit({ s: 1 }, [{ stream: 's' }])] });
    const received = await refused(503, 'STORAGE_UNAVAILABLE', 'POST', `/v1/spaces/${space}/push`, {
      body,
    });
    assert.equal(received.headers['retry-after'], '1');
    await refused(503, 'STORAGE_UNAVAILABLE', 'GET', '/readyz');
    assert.equal((await call('GET', '/healthz')).status, 200);
    await host().database.restart();
    assert.equal((await call('POST', `/v1/spaces/${space}/push`, { body })).status, 200);
    assert.deepEqual(
      (await pull(space)).events.map(({ version }) => version),
      [1, 2],
    );
  });
}
