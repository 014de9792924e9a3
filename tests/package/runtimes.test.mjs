// The packed package in Node, Deno and workerd: the client, and the endpoint by the entry of its own.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { run } from '../../js/tools/run.mjs';
import { ENDPOINT_WELL, WELL } from './pages.mjs';
import { denoProgram, inside, install, tool, write } from './project.mjs';

before(() => install());

/** A program that prints what both entries did. */
const PRINT = `Promise.all([import('./app.js'), import('./endpoint.js')])
  .then(async ([{ shop }, { endpoint }]) => ({ client: await shop('memory'), endpoint: await endpoint() }))
  .then((done) => console.log(JSON.stringify(done)));`;
const BOTH_WELL = { client: WELL, endpoint: ENDPOINT_WELL };
const printed = (output) => JSON.parse(output.trim().split('\n').at(-1));

describe('Node', () => {
  test('as a module and from CommonJS', async () => {
    for (const file of ['apps/node.mjs', 'apps/node.cjs']) {
      write(file, PRINT);
      assert.deepEqual(printed(await run(process.execPath, [inside(file)])), BOTH_WELL, file);
    }
  });

  test('the command', async () => {
    const { version } = JSON.parse(readFileSync(inside('node_modules/eventcore-web/package.json'), 'utf8'));
    const command = process.platform === 'win32' ? 'eventcore-web.cmd' : 'eventcore-web';
    const output = await run(inside('node_modules/.bin', command), ['serve', '--version']);
    assert.ok(output.includes(version), output);
  });

  test('what needs the module before it is loaded says what to await', async () => {
    write(
      'apps/early.mjs',
      `import { EventStore, NotLoaded } from 'eventcore-web';
       import { loadWasm } from 'eventcore-web/wasm';
       try { EventStore.inMemory(); } catch (error) { console.log(error instanceof NotLoaded, error.message); }
       await loadWasm();
       await EventStore.inMemory().close();`,
    );
    const output = await run(process.execPath, [inside('apps/early.mjs')]);
    assert.match(output, /^true .*await loadWasm\(\) of 'eventcore-web\/wasm'/);
  });
});

test('Deno, without any permission', async () => {
  write('apps/deno.mjs', PRINT);
  const output = await run(
    denoProgram(),
    ['run', '--no-prompt', '--node-modules-dir=manual', inside('apps/deno.mjs')],
    { env: { DENO_DIR: inside('.deno'), DENO_NO_UPDATE_CHECK: '1', NO_COLOR: '1' } },
  );
  assert.deepEqual(printed(output), BOTH_WELL);
});

test('workerd, within the limits of a worker', async () => {
  const [esbuild, { Miniflare }] = await Promise.all([tool('esbuild'), tool('miniflare')]);
  write(
    'apps/workerd/main.js',
    `import { shop } from '../app.js';
     import { endpoint } from '../endpoint.js';
     export default {
       fetch: async () => Response.json({ client: await shop('memory'), endpoint: await endpoint() }),
     };`,
  );
  // As wrangler bundles: the modules stay files, which workerd compiles.
  await esbuild.build({
    entryPoints: [inside('apps/workerd/main.js')],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    conditions: ['workerd', 'worker', 'browser'],
    loader: { '.wasm': 'copy' },
    outdir: inside('apps/workerd/out'),
    logLevel: 'error',
  });
  const miniflare = new Miniflare({
    modules: true,
    modulesRoot: inside('apps/workerd/out'),
    scriptPath: inside('apps/workerd/out/main.js'),
    modulesRules: [{ type: 'CompiledWasm', include: ['**/*.wasm'] }],
    compatibilityDate: '2026-01-01',
  });
  try {
    const response = await miniflare.dispatchFetch('http://localhost/');
    assert.deepEqual(await response.json(), BOTH_WELL);
  } finally {
    await miniflare.dispose();
  }
});
