// What every host of the endpoint refuses, and how it says so.

import assert from 'node:assert/strict';
import { it } from 'node:test';

/** The origin whose pages a host under test must admit. */
export const ADMITTED = 'https://app.example.com';
const BODY_LIMIT = 16 << 20;

/** @param {import('./talk.mjs').Talk} talk */
export function refusals({ host, call, refused }) {
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
    // A proxy on this machine passes on what others ask.
    await refused(403, 'FORBIDDEN', 'GET', path, { headers: { 'x-forwarded-host': 'sync.example.com' } });
    const passedOn = { headers: { 'x-forwarded-host': new URL(host().url).host } };
    assert.equal((await call('GET', path, passedOn)).status, 200);
    await refused(403, 'FORBIDDEN', 'POST', '/v1/spaces/a/push', {
      headers: { origin: 'null' },
      body: '{}',
    });
    assert.equal((await call('GET', path, { headers: { origin: host().url } })).status, 200);
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
}
