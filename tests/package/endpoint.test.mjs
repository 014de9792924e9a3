// The endpoint from the packed package: the command that `npx` runs, and the handler in workerd, Deno and Bun over
// `pg`, each held to the suite of all hosts.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startPostgres } from '../../js/tools/postgres.mjs';
import { attempt } from '../../js/tools/run.mjs';
import { ADMITTED, BODY_TIMEOUT, endpointSuite, SECRET, tokenSuite } from '../support/endpoint-suite.mjs';
import { startProgram } from '../support/hosts.mjs';
import { commit, send } from '../support/http.mjs';
import { bunProgram, denoProgram, inside, install, tool, write } from './project.mjs';

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

/** What a program that serves is told, by its environment or its bindings. */
const lenient = (schema) => ({ DATABASE_URL: postgres.url, SCHEMA: schema, ORIGIN: ADMITTED });
const strict = (schema) => ({
  DATABASE_URL: postgres.url,
  SCHEMA: `strict ${schema}`,
  SECRET,
  BODY_TIMEOUT: String(BODY_TIMEOUT),
});

/** A program that serves over a pool, and says where. */
const served = async (program, args, env) => {
  const { said, stop } = await startProgram(program, args, /(http:\/\/127\.0\.0\.1:\d+)/, {
    ...env,
    NO_COLOR: '1',
  });
  return { url: said, stop, database: postgres };
};

const deno = (env) => {
  write(
    'apps/serve/deno.mjs',
    `import { overPool } from './options.js';
     Deno.serve({
       port: 0, hostname: '127.0.0.1', onListen: ({ port }) => console.log('http://127.0.0.1:' + port),
     }, overPool(Deno.env.toObject()));`,
  );
  const flags = ['--no-prompt', '--allow-net', '--allow-env', '--node-modules-dir=manual'];
  return served(denoProgram(), ['run', ...flags, inside('apps/serve/deno.mjs')], {
    ...env,
    DENO_DIR: inside('.deno'),
    DENO_NO_UPDATE_CHECK: '1',
  });
};
endpointSuite('createSyncHandler in Deno', () => deno(lenient('deno')), { canLoseDatabase: true });

const bun = (env) => {
  write(
    'apps/serve/bun.mjs',
    `import { overPool } from './options.js';
     const fetch = overPool(process.env);
     const server = Bun.serve({ port: 0, hostname: '127.0.0.1', idleTimeout: 60, fetch });
     console.log('http://127.0.0.1:' + server.port);`,
  );
  return served(bunProgram(), [inside('apps/serve/bun.mjs')], env);
};
endpointSuite('createSyncHandler in Bun', () => bun(lenient('bun')), { canLoseDatabase: true });

/** Node's modules, which workerd has by their full names, and for `import` only. */
const NODE_MODULES = {
  name: 'node-modules',
  setup(build) {
    const filter = new RegExp(`^(node:)?(${builtinModules.join('|')})$`);
    build.onResolve({ filter }, ({ path: name, namespace }) => {
      const full = name.replace(/^(node:)?/, 'node:');
      return namespace === 'node-module'
        ? { path: full, external: true }
        : { path: full, namespace: 'node-module' };
    });
    build.onLoad({ filter: /.*/, namespace: 'node-module' }, ({ path: name }) => ({
      contents: `export * from '${name}'; export { default } from '${name}';`,
    }));
  },
};

const workerd = async (bindings) => {
  const [esbuild, { Miniflare }] = await Promise.all([tool('esbuild'), tool('miniflare')]);
  // As over Hyperdrive: a connection for each transaction, since it belongs to a request.
  write(
    'apps/serve/workerd.mjs',
    `import { createSyncHandler, fromPgClients } from 'eventcore-web/server';
     import pg from 'pg';
     import { optionsOf } from './options.js';
     export default {
       fetch(request, env) {
         const sql = fromPgClients(() => new pg.Client({ connectionString: env.DATABASE_URL }));
         return createSyncHandler({ sql, ...optionsOf(env) })(request);
       },
     };`,
  );
  await esbuild.build({
    entryPoints: [inside('apps/serve/workerd.mjs')],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:sockets', 'pg-native'],
    loader: { '.wasm': 'copy' },
    plugins: [NODE_MODULES],
    outdir: inside('apps/serve/out'),
    logLevel: 'error',
  });
  const miniflare = new Miniflare({
    modules: true,
    modulesRoot: inside('apps/serve/out'),
    scriptPath: inside('apps/serve/out/workerd.js'),
    modulesRules: [{ type: 'CompiledWasm', include: ['**/*.wasm'] }],
    compatibilityDate: '2026-01-01',
    compatibilityFlags: ['nodejs_compat'],
    bindings,
    unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
  });
  const url = await miniflare.unsafeGetDirectURL();
  return { url: url.origin, stop: () => miniflare.dispose(), database: postgres };
};
endpointSuite('createSyncHandler in workerd', () => workerd(lenient('workerd')), { canLoseDatabase: true });

tokenSuite({
  'createSyncHandler in Deno': () => deno(strict('deno')),
  'createSyncHandler in Bun': () => bun(strict('bun')),
  'createSyncHandler in workerd': () => workerd(strict('workerd')),
});
