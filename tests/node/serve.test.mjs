// `npm start`'s server, as a person meets it: what it prints, how it ends, and that nothing is lost.

import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startPostgres } from '../../js/tools/postgres.mjs';
import { ROOT } from '../../js/tools/run.mjs';
import { listen, startProgram } from '../support/hosts.mjs';
import { commit, send } from '../support/http.mjs';

const SERVE = path.join(ROOT, 'dist', 'cli', 'serve.js');
const LISTENS = /(http:\/\/127\.0\.0\.1:\d+)/;

/** @type {string} */
let folder;
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'eventcore-serve-'));
});
after(() => rm(folder, { recursive: true, force: true }));

const serve = (args, env = {}) =>
  startProgram(process.execPath, [SERVE, '--port', '0', ...args], LISTENS, {
    DATABASE_URL: '',
    PORT: '',
    ...env,
  });

/** Runs it to an end that it comes to by itself. */
const fails = async (args, expected, env) => {
  const { stop } = await startProgram(process.execPath, [SERVE, ...args], /(.+)/s, {
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

describe('npm start, embedded', () => {
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
    await fails(
      ['--port', new URL(other.url).port],
      /cannot listen on port \d+: something else listens there/,
    );
    await other.stop();
  });

  it('says what is wrong with its options', async () => {
    await fails(['--port', 'x'], /the port must be a number/);
    await fails(['--prot', '1'], /--prot/);
  });
});

describe('npm start, with DATABASE_URL', () => {
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

  it('says that the database cannot be reached, without its password', async () => {
    const output = await fails(['--port', '0'], /cannot be reached/, {
      DATABASE_URL: 'postgres://x:s3cret@127.0.0.1:1/x',
    });
    assert.doesNotMatch(output, /s3cret/);
  });
});
