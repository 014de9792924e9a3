// The endpoint from the packed package: the command that `npx` runs.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startPostgres } from '../../js/tools/postgres.mjs';
import { attempt } from '../../js/tools/run.mjs';
import { startProgram } from '../support/hosts.mjs';
import { commit, send } from '../support/http.mjs';
import { inside, install } from './project.mjs';

let packed;
let postgres;
let folder;
before(async () => {
  [packed, postgres] = await Promise.all([install(), startPostgres()]);
  folder = await mkdtemp(path.join(tmpdir(), 'eventcore-npx-'));
});
after(async () => {
  await postgres?.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('npx eventcore-web serve', { timeout: 300_000 }, () => {
  const serve = (env, args = []) => {
    const command = inside('node_modules', '.bin', 'eventcore-web');
    return startProgram(command, ['serve', '--port', '0', ...args], /(http:\/\/127\.0\.0\.1:\d+)/, {
      DATABASE_URL: '',
      PORT: '',
      ...env,
    });
  };
  const push = async (url) => {
    const body = JSON.stringify({ commits: [commit({ s: 'noCheck' }, [{ stream: 's' }])] });
    const received = await send(url, 'POST', '/v1/spaces/a/push', { body });
    assert.equal(received.json.outcomes[0].status, 'accepted');
    return received.json.head;
  };

  it('serves on PGlite in a folder, and keeps it', async () => {
    for (const head of [1, 2]) {
      const { said, stop } = await serve({}, ['--data', path.join(folder, 'data')]);
      assert.equal(await push(said), head);
      assert.equal((await send(said, 'GET', '/')).status, 404, 'there is no page');
      assert.equal((await stop()).code, 0);
    }
  });

  it('serves on the PostgreSQL that DATABASE_URL names', async () => {
    const { said, stop } = await serve({ DATABASE_URL: postgres.url });
    assert.equal(await push(said), 1);
    assert.equal((await stop()).code, 0);
  });

  it('says which package is missing', async () => {
    // Nothing is installed where it lies now.
    execFileSync('tar', ['-xzf', packed.tarball, '-C', folder]);
    const command = [path.join(folder, 'package', 'dist', 'cli', 'index.js'), 'serve', '--port', '0'];
    for (const [env, args, name] of [
      [{ DATABASE_URL: '' }, ['--data', path.join(folder, 'other')], '@electric-sql/pglite'],
      [{ DATABASE_URL: postgres.url }, [], 'pg'],
      [{ DATABASE_URL: postgres.url }, ['--jwt-jwks', 'https://127.0.0.1/keys'], 'jose'],
    ]) {
      const { code, output } = await attempt(process.execPath, [...command, ...args], { env });
      assert.equal(code, 1);
      assert.match(output, new RegExp(`the npm package ${name} is not installed\n.*npm install ${name}`));
    }
  });
});
