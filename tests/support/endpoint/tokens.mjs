// Who may do what, by tokens, and how long a body may take: on every host of the endpoint.

import assert from 'node:assert/strict';
import { request } from 'node:http';
import { it } from 'node:test';
import { commit, follow } from '../http.mjs';
import { claims, hmac, seconds, signed, signer } from '../jwt.mjs';

const { secret, token } = signer('HS256');
/** What a host under test verifies tokens with (HS256). */
export const SECRET = secret;
/** How long it gives a body, in seconds. */
export const BODY_TIMEOUT = 3;
/** Of a token, in seconds: longer than the heartbeat's 10, even where a machine is slow. */
const LIFE = 16;

const bearer = (text) => ({ authorization: `Bearer ${text}` });

/** @param {import('./talk.mjs').Talk} talk */
export function tokens({ host, call, refused, fresh }) {
  const body = () => JSON.stringify({ commits: [commit({ s: 'noCheck' }, [{ stream: 's' }])] });
  const pushes = (space, text) => [
    'POST',
    `/v1/spaces/${space}/push`,
    { headers: bearer(text), body: body() },
  ];
  const pulls = (space, text) => ['GET', `/v1/spaces/${space}/events`, { headers: bearer(text) }];

  it('gives the rights that a token names, in its spaces and no other', async () => {
    const [own, shared] = [fresh(), fresh()];
    const alice = token(claims({ [own]: ['read', 'write'], [`${shared}*`]: ['read'] }));
    assert.equal((await call(...pushes(own, alice))).status, 200);
    assert.equal((await call(...pulls(own, alice))).json.head, 1);
    assert.equal((await call(...pulls(`${shared}-1`, alice))).status, 200);
    await refused(403, 'FORBIDDEN', ...pushes(`${shared}-1`, alice));
    for (const foreign of [`${own}0`, 'other', `not-${shared}`]) {
      await refused(403, 'FORBIDDEN', ...pulls(foreign, alice));
      await refused(403, 'FORBIDDEN', ...pushes(foreign, alice));
      const live = await follow(host().url, `/v1/spaces/${foreign}/live`, bearer(alice));
      live.close();
      assert.equal(live.status, 403);
    }
    assert.equal((await call('GET', '/healthz')).status, 200);
  });

  it('lets nobody in by a token that is expired, not yet valid, unsigned, or another one', async () => {
    const space = fresh();
    const good = claims({ '*': ['read', 'write'] });
    assert.equal((await call(...pulls(space, token(good)))).status, 200);
    const { exp, ...endless } = good;
    const [head, , signature] = token(good).split('.');
    for (const [why, bad] of Object.entries({
      expired: token({ ...good, exp: seconds() - 60 }),
      'not yet valid': token({ ...good, nbf: seconds() + 60 }),
      endless: token(endless),
      'for others': token({ ...good, aud: 'there' }),
      'with odd rights': token({ ...good, spaces: ['*'] }),
      unsigned: signed({ alg: 'none' }, good, () => ''),
      'unsigned, in capitals': signed({ alg: 'NONE' }, good, () => ''),
      'without a signature': `${token(good).split('.').slice(0, 2).join('.')}.`,
      'signed with another secret': signed({ alg: 'HS256' }, good, (text) => hmac('another', text)),
      'signed by another algorithm': signer('ES256').token(good),
      'signed for other claims': [head, token({ ...good, sub: 'eve' }).split('.')[1], signature].join('.'),
      'no token': 'x',
    })) {
      for (const ask of [pulls(space, bad), pushes(space, bad)]) {
        const { headers } = await refused(401, 'UNAUTHORIZED', ...ask);
        assert.equal(headers['www-authenticate'], 'Bearer', why);
      }
    }
    await refused(401, 'UNAUTHORIZED', 'GET', `/v1/spaces/${space}/events`);
    const basic = { headers: { authorization: 'Basic YTpi' } };
    await refused(401, 'UNAUTHORIZED', 'GET', `/v1/spaces/${space}/events`, basic);
    assert.equal((await call(...pulls(space, token(good)))).json.head, 0, 'nothing was written');
  });

  it('keeps a silent stream alive, and ends it when its token does', async () => {
    const space = fresh();
    const short = token(claims({ [space]: ['read'] }, { exp: seconds() + LIFE }));
    const stream = await follow(host().url, `/v1/spaces/${space}/live`, bearer(short));
    const said = [];
    for await (const message of stream.messages) said.push(message);
    assert.ok(
      said.some((message) => message.comment !== undefined),
      'there is a heartbeat',
    );
    assert.deepEqual([said.at(-1).event, said.at(-1).data.error.code], ['end', 'UNAUTHORIZED']);
    assert.ok(seconds() >= JSON.parse(Buffer.from(short.split('.')[1], 'base64url')).exp, 'not before');
    await refused(401, 'UNAUTHORIZED', ...pulls(space, short));
  });

  it('says no by the head of a request, before its body has come', async () => {
    const space = fresh();
    const reader = token(claims({ [space]: ['read'] }));
    for (const [headers, status] of [
      [{}, 401],
      [bearer('x'), 401],
      [bearer(reader), 403],
    ]) {
      const asked = request(new URL(host().url), {
        method: 'POST',
        path: `/v1/spaces/${space}/push`,
        headers: { ...headers, 'content-length': 1_000 },
        agent: false,
      });
      asked.on('error', () => {});
      const answer = new Promise((resolve, reject) => {
        asked.on('response', resolve).on('close', () => reject(new Error('no answer')));
      });
      asked.flushHeaders();
      // Sooner than a host gives up on a body: then it would be 408.
      assert.equal((await answer).statusCode, status);
      asked.destroy();
    }
  });

  it('does not wait for a body for ever', async () => {
    const space = fresh();
    const anybody = bearer(token(claims({ '*': ['read', 'write'] })));
    const slow = request(new URL(host().url), {
      method: 'POST',
      path: `/v1/spaces/${space}/push`,
      headers: { ...anybody, 'transfer-encoding': 'chunked' },
      agent: false,
    });
    slow.on('error', () => {});
    // A byte now and then is too slow as well.
    const drip = setInterval(() => slow.write(' '), 500);
    try {
      const answer = await new Promise((resolve, reject) => {
        slow
          .on('response', resolve)
          .on('close', () => reject(new Error('no answer')))
          .write('{"commits":[');
      });
      let text = '';
      for await (const chunk of answer.setEncoding('utf8')) text += chunk;
      assert.deepEqual([answer.statusCode, JSON.parse(text).error.code], [408, 'INVALID_REQUEST']);
    } finally {
      clearInterval(drip);
      slow.destroy();
    }
    assert.equal((await call('GET', `/v1/spaces/${space}/events`, { headers: anybody })).json.head, 0);
  });
}

/**
 * Who hangs up on a caller that is still sending may cut off the answer as well: what a runtime that brings its own
 * HTTP does there is its own affair.
 * @param {import('./talk.mjs').Talk} talk
 */
export function lingering({ host, fresh }) {
  it('says no to who sends much, so that it is heard', async () => {
    const space = fresh();
    const body = ' '.repeat(8 << 20);
    for (const [status, headers] of [
      [401, bearer('x')],
      [403, bearer(token(claims({ [space]: ['read'] })))],
    ]) {
      const url = `${host().url}/v1/spaces/${space}/push`;
      const answer = await fetch(url, { method: 'POST', headers, body });
      assert.equal(answer.status, status);
      await answer.text();
    }
    // On the same connection, where it is kept.
    assert.equal((await fetch(`${host().url}/healthz`)).status, 200);
  });
}
