// `eventcore-web serve`, as a person meets it: what it prints, how it ends, and that nothing is lost.

import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startPostgres } from '../../js/tools/postgres.mjs';
import { attempt, ROOT, run } from '../../js/tools/run.mjs';
import { listen, startProgram } from '../support/hosts.mjs';
import { commit, follow, send, until } from '../support/http.mjs';
import { claims, signer } from '../support/jwt.mjs';

const SERVE = [
  path.join(ROOT, 'dist', 'cli', 'index.js'),
  'serve',
  '--static',
  path.join(ROOT, 'dist', 'www'),
];
const LISTENS = /(http:\/\/[\d.]+:\d+)/;

/** @type {string} */
let folder;
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'eventcore-serve-'));
});
after(() => rm(folder, { recursive: true, force: true }));

const serve = (args, env = {}) =>
  startProgram(process.execPath, [...SERVE, '--port', '0', ...args], LISTENS, {
    DATABASE_URL: '',
    PORT: '',
    ...env,
  });

const file = async (name, content) => {
  const place = path.join(folder, name);
  await writeFile(place, content);
  return place;
};

/** Runs it to an end that it comes to by itself. */
const fails = async (args, expected, env) => {
  const { stop } = await startProgram(process.execPath, [...SERVE, ...args], /(.+)/s, {
    DATABASE_URL: '',
    PORT: '',
    ...env,
  });
  const { code, output } = await stop('SIGCONT');
  assert.notEqual(code, 0);
  assert.match(output, expected);
  assert.doesNotMatch(output, /^\s+at /m, 'no stack trace');
  return output;
};

const push = (url, version) =>
  send(url, 'POST', '/v1/spaces/a/push', {
    body: JSON.stringify({ commits: [commit({ s: version }, [{ stream: 's' }])] }),
  });

describe('eventcore-web serve, embedded', { timeout: 300_000 }, () => {
  it('keeps what it acknowledged, however it ends', async () => {
    const args = ['--data', path.join(folder, 'data')];
    let version = 0;
    for (const signal of ['SIGTERM', 'SIGKILL', 'SIGINT']) {
      const server = await serve(args);
      const before = await send(server.said, 'GET', '/v1/spaces/a/events');
      assert.equal(before.json.head, version, 'what was acknowledged before is there');
      for (let n = 0; n < 3; n += 1) {
        assert.equal((await push(server.said, version)).json.outcomes[0].status, 'accepted');
        version += 1;
      }
      const { code, output } = await server.stop(signal);
      if (signal !== 'SIGKILL') assert.equal(code, 0, output);
      assert.match(output, /PGlite/);
    }
  });

  it('lets a data folder have one owner', async () => {
    const args = ['--data', path.join(folder, 'owned')];
    const server = await serve(args);
    await fails(['--port', '0', ...args], /process \d+ uses the data folder/);
    await server.stop();
  });

  it('says that a folder cannot be used', {
    skip: process.getuid?.() === 0 && 'root may write anywhere',
  }, async () => {
    const locked = path.join(folder, 'locked');
    await mkdtemp(locked);
    await chmod(folder, 0o500);
    await fails(['--port', '0', '--data', locked], /cannot be used/).finally(() => chmod(folder, 0o700));
  });

  it('says that a folder is a file', () =>
    fails(['--port', '0', '--data', path.join(ROOT, 'package.json')], /data folder .* cannot be used/));

  it('says that a port is in use', async () => {
    const other = await listen(async () => new Response());
    try {
      await fails(
        ['--port', new URL(other.url).port],
        /cannot listen on port \d+ of 127\.0\.0\.1: something else listens there/,
      );
    } finally {
      await other.stop();
    }
  });

  it('says what is wrong with its options', async () => {
    await fails(['--port', 'x'], /the port must be a number/);
    await fails(['--prot', '1'], /--prot/);
    await fails(['--host', '0.0.0.0'], /cannot listen on 0\.0\.0\.0: without a key/);
    await fails(['--jwt-issuer', 'x'], /need a key/);
    await fails(['--jwt-secret-file', await file('short', 'short')], /5 bytes; HS256 needs at least 32/);
    await fails(['--jwt-key-file', await file('no.pem', 'no')], /no public key/);
    await fails(['--jwt-key-file', path.join(folder, 'none')], /cannot be read/);
    await fails(['--jwt-jwks', 'http://keys.example.com/'], /by https/);
  });

  it('ends the streams of its followers when it stops, and has not long to wait then', async () => {
    const server = await serve(['--data', path.join(folder, 'followed')]);
    const stream = await follow(server.said, '/v1/spaces/a/live');
    const messages = [];
    const read = (async () => {
      for await (const message of stream.messages) messages.push(message);
    })();
    await until(() => messages.some(({ event }) => event === 'page'));
    const { code } = await server.stop();
    await read;
    assert.equal(code, 0);
  });
});

describe('eventcore-web serve, with DATABASE_URL', () => {
  /** @type {Awaited<ReturnType<typeof startPostgres>>} */
  let postgres;
  before(async () => {
    postgres = await startPostgres();
  });
  after(() => postgres?.stop());

  it('uses that database, serves the page, and nothing outside of it', async () => {
    const { said, stop } = await serve([], { DATABASE_URL: postgres.url });
    assert.equal((await push(said, 'noStream')).status, 200);
    for (const outside of ['/../package.json', '/%2e%2e/package.json', '/..%2fpackage.json', '/%00', '/%']) {
      assert.equal((await send(said, 'GET', outside)).status, 404, outside);
    }
    assert.equal((await send(said, 'POST', '/')).status, 405);
    const { code, output } = await stop();
    assert.equal(code, 0);
    assert.match(output, /events are kept in: PostgreSQL at 127\.0\.0\.1/);
  });

  for (const alg of ['HS256', 'RS256', 'ES256', 'EdDSA']) {
    it(`listens everywhere once it can verify tokens, by ${alg}`, async () => {
      const { secret, pem, token } = signer(alg);
      const key = secret
        ? ['--jwt-secret-file', await file('secret', `${secret}\n`)]
        : ['--jwt-key-file', await file(`${alg}.pem`, pem)];
      const { said, stop } = await serve(['--host', '0.0.0.0', ...key], { DATABASE_URL: postgres.url });
      const url = said.replace('0.0.0.0', '127.0.0.1');
      const events = async (spaces) => {
        const headers = { authorization: `Bearer ${token(claims(spaces))}` };
        return (await send(url, 'GET', '/v1/spaces/a/events', { headers })).status;
      };
      try {
        assert.equal(await events({ a: ['read'] }), 200);
        assert.equal(await events({ b: ['read'] }), 403);
        assert.equal((await send(url, 'GET', '/v1/spaces/a/events')).status, 401);
      } finally {
        assert.equal((await stop()).code, 0);
      }
    });
  }

  it('follows a key set', async () => {
    const { jwk, token } = signer('ES256', 'first');
    const issuer = await listen(async () => Response.json({ keys: [jwk] }));
    const keys = ['--jwt-jwks', `${issuer.url}/jwks.json`];
    const { said, stop } = await serve(keys, { DATABASE_URL: postgres.url });
    const events = async (signed) => {
      const headers = { authorization: `Bearer ${signed}` };
      return (await send(said, 'GET', '/v1/spaces/a/events', { headers })).status;
    };
    try {
      assert.equal(await events(token(claims({ a: ['read'] }))), 200);
      assert.equal(await events(token(claims({ a: ['read'] }, { aud: 'others' }))), 401);
      assert.equal(await events(signer('ES256', 'second').token(claims({ a: ['read'] }))), 401);
    } finally {
      await stop();
      await issuer.stop();
    }
  });

  it('says that the database cannot be reached, without its password', async () => {
    const output = await fails(['--port', '0'], /cannot be reached/, {
      DATABASE_URL: 'postgres://x:s3cret@127.0.0.1:1/x',
    });
    assert.doesNotMatch(output, /s3cret/);
  });
});

describe('eventcore-web', () => {
  const said = (...args) => run(process.execPath, [SERVE[0], ...args]);

  it('says how it is used, and which version it is', async () => {
    const help = await said('--help');
    assert.match(help, /^Usage: eventcore-web serve/);
    for (const more of [['serve', '--help'], [], ['help'], ['-h']]) assert.equal(await said(...more), help);
    const { version } = JSON.parse(await readFile(path.join(ROOT, 'package.json'), 'utf8'));
    for (const args of [['--version'], ['serve', '--version']]) {
      assert.equal(await said(...args), `eventcore-web ${version}\n`);
    }
    for (const line of help.split('\n')) assert.ok(line.length <= 110, line);
  });

  it('knows no other command', async () => {
    const { code, output } = await attempt(process.execPath, [SERVE[0], 'sreve']);
    assert.equal(code, 2);
    assert.match(output, /"sreve" is no command/);
  });
});
