// Whom `eventcore-server` lets in: tokens, and the keys that they are verified with.

import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, it } from 'node:test';
import { listen, serverProgram, startProgram } from '../support/hosts.mjs';
import { follow, send } from '../support/http.mjs';
import { claims, hmac, seconds, signed, signer } from '../support/jwt.mjs';
import { bearer, events, push, serving } from '../support/serving.mjs';

const { world, file, start } = serving();

describe('tokens', () => {
  for (const alg of ['HS256', 'RS256', 'ES256', 'EdDSA']) {
    it(`verifies ${alg}, and gives the rights that a token names`, async () => {
      const { secret, pem, token } = signer(alg);
      const key = secret
        ? ['--jwt-secret-file', await file('secret', `${secret}\n`)]
        : ['--jwt-key-file', await file(`${alg}.pem`, pem)];
      const { url, stop } = await start(...key);
      try {
        const alice = token(claims({ 'team-1': ['read', 'write'], 'user-*': ['read'] }));
        assert.equal((await push(url, 'team-1', bearer(alice))).status, 200);
        assert.equal((await events(url, 'team-1', alice)).status, 200);
        assert.equal((await events(url, 'user-7', alice)).status, 200);
        for (const refused of [
          await push(url, 'user-7', bearer(alice)),
          await events(url, 'team-2', alice),
          await events(url, 'team-10', alice),
        ]) {
          assert.deepEqual([refused.status, refused.json.error.code], [403, 'FORBIDDEN']);
        }
        const other = signer(alg === 'HS256' ? 'RS256' : alg).token(claims({ 'team-1': ['read'] }));
        const stranger = await events(url, 'team-1', other);
        assert.deepEqual([stranger.status, stranger.json.error.code], [401, 'UNAUTHORIZED']);
      } finally {
        await stop();
      }
    });
  }

  it('refuses what is expired, not yet valid, unsigned, for others, or signed by a public key', async () => {
    const { pem, token } = signer('RS256');
    const { url, stop } = await start(
      ...['--jwt-key-file', await file('rsa.pem', pem), '--jwt-issuer', 'issuer', '--jwt-audience', 'here'],
    );
    try {
      const good = claims({ '*': ['read', 'write'] }, { iss: 'issuer', aud: ['here', 'there'] });
      assert.equal((await events(url, 'a', token(good))).status, 200);
      const { exp, ...endless } = good;
      for (const [why, bad] of Object.entries({
        expired: token({ ...good, exp: seconds() - 60 }),
        'not yet valid': token({ ...good, nbf: seconds() + 60 }),
        endless: token(endless),
        'of another issuer': token({ ...good, iss: 'other' }),
        'of no issuer': token({ ...good, iss: undefined }),
        'for others': token({ ...good, aud: 'there' }),
        'for nobody': token({ ...good, aud: undefined }),
        'with odd rights': token({ ...good, spaces: ['*'] }),
        unsigned: signed({ alg: 'none' }, good, () => ''),
        'unsigned, in capitals': signed({ alg: 'NONE' }, good, () => ''),
        'without a signature': `${token(good).split('.').slice(0, 2).join('.')}.`,
        'signed by the public key as a secret': signed({ alg: 'HS256' }, good, (text) => hmac(pem, text)),
        'signed for other claims': [token(good).split('.')[0], token({ ...good, sub: 'eve' }).split('.')[1]]
          .concat(token(good).split('.')[2])
          .join('.'),
        'no token': 'x',
        empty: '',
      })) {
        const refused = await events(url, 'a', bad || ' ');
        assert.deepEqual([refused.status, refused.json.error.code], [401, 'UNAUTHORIZED'], why);
        assert.equal(refused.headers['www-authenticate'], 'Bearer');
      }
      const basic = await events(url, 'a', undefined, { authorization: 'Basic YTpi' });
      assert.equal(basic.status, 401);
      assert.equal((await events(url, 'a')).status, 401);
      const nothing = await events(url, 'a', token({ ...good, spaces: undefined }));
      assert.equal(nothing.status, 403);
      assert.equal((await send(url, 'GET', '/healthz')).status, 200);
    } finally {
      await stop();
    }
  });

  it('follows a key set that rotates, and trusts no key for another algorithm', async () => {
    const [first, second] = [signer('ES256', 'first'), signer('EdDSA', 'second')];
    let keys = [first.jwk, { kty: 'unknown', kid: 'odd' }];
    const issuer = await listen(async () => Response.json({ keys }));
    const { url, stop } = await start('--jwt-jwks', `${issuer.url}/jwks.json`);
    try {
      const rights = claims({ a: ['read'] });
      assert.equal((await events(url, 'a', first.token(rights))).status, 200);
      assert.equal((await events(url, 'a', second.token(rights))).status, 401);
      keys = [second.jwk];
      // Keys are asked for again after a while.
      const deadline = Date.now() + 60_000;
      let status;
      do {
        ({ status } = await events(url, 'a', second.token(rights)));
      } while (status !== 200 && Date.now() < deadline);
      assert.equal(status, 200);
      assert.equal((await events(url, 'a', first.token(rights))).status, 401);
    } finally {
      await stop();
      await issuer.stop();
    }
  });

  it('ends a stream when its token does', async () => {
    const { secret, token } = signer('HS256');
    const { url, stop } = await start(
      ...['--jwt-secret-file', await file('secret', secret), '--jwt-leeway', '0'],
    );
    try {
      const short = token(claims({ a: ['read'] }, { exp: seconds() + 5 }));
      const stream = await follow(url, '/v1/spaces/a/live', bearer(short));
      const said = [];
      for await (const message of stream.messages) said.push(message);
      const last = said.at(-1);
      assert.deepEqual([last.event, last.data.error.code], ['end', 'UNAUTHORIZED']);
      assert.equal((await follow(url, '/v1/spaces/b/live', bearer(short))).status, 401);
    } finally {
      await stop();
    }
  });

  it('listens everywhere once it can verify, and says what is wrong with a key', async () => {
    const { secret } = signer('HS256');
    const good = await file('secret', secret);
    const server = await startProgram(
      serverProgram(),
      ['--listen', '0.0.0.0:0', '--database-url', world.postgres.url, '--jwt-secret-file', good],
      /(http:\S+)/,
    );
    await server.stop();
    const fails = async (args, expected) => {
      const { stop } = await startProgram(
        serverProgram(),
        ['--listen', '127.0.0.1:0', '--database-url', world.postgres.url, ...args],
        /(.+)/s,
      );
      const { code, output } = await stop('SIGCONT');
      assert.notEqual(code, 0);
      assert.match(output, expected);
    };
    await fails(['--jwt-secret-file', await file('short', 'short')], /5 bytes; HS256 needs at least 32/);
    await fails(['--jwt-key-file', await file('no.pem', 'no')], /no public key/);
    await fails(['--jwt-jwks', 'http://keys.example.com/'], /by https/);
    await fails(['--jwt-jwks', path.join(world.folder, 'none')], /none: No such file/);
    await fails(['--jwt-issuer', 'x'], /need a key/);
  });
});
