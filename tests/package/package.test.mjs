// The packed package, installed by npm into a project and used there by every bundler and runtime.

import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { launchChromium } from '../../js/tools/chromium.mjs';
import { run } from '../../js/tools/run.mjs';
import { inside, install, write } from './project.mjs';
import { serve } from './serve.mjs';

const HTML = (script) =>
  `<!doctype html><link rel="icon" href="data:,"><script type="module" src="${script}"></script>`;
/** What a page needs that lets nothing be evaluated but WebAssembly. */
const STRICT = {
  'content-security-policy': "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src data:",
};

/** What the app answers where all is well. */
const WELL = { version: 1, item: 'tea', followed: { item: 'tea' }, conflict: true };

let packed;
let browser;

/** Calls a tool of the project, by its API where it has one. */
const tool = (name) => import(pathToFileURL(createRequire(inside('package.json')).resolve(name)).href);

before(async () => {
  [packed, browser] = await Promise.all([install(), launchChromium()]);
});
after(() => browser?.close());

/** The page's result; what goes wrong in it fails the test, unless it may load again. */
async function visit(url, { mayReload = false } = {}) {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    const faults = [];
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
    await page.goto(url);
    const result = await page.waitForFunction(() => globalThis.result, null, { timeout: 60_000 });
    if (!mayReload) assert.deepEqual(faults, []);
    return await result.jsonValue();
  } finally {
    await context.close();
  }
}

/** Serves a folder of the project strictly, and visits it. */
async function visitFolder(folder, page = '', headers = STRICT) {
  const site = await serve(inside(folder), headers);
  try {
    return await visit(site.url + page);
  } finally {
    await site.stop();
  }
}

describe('bundlers', () => {
  test('Vite builds it, and serves it while developing', async () => {
    const vite = await tool('vite');
    const root = inside('apps', 'vite');
    write('apps/vite/index.html', HTML('/main.js'));
    write('apps/vite/main.js', "import '../page.js';\n");
    const config = { root, configFile: false, logLevel: 'error' };
    await vite.build({ ...config, build: { target: 'es2022', emptyOutDir: true } });
    assert.deepEqual(await visitFolder('apps/vite/dist'), WELL);
    const server = await vite.createServer({
      ...config,
      server: { port: 0, host: '127.0.0.1', fs: { allow: [inside()] } },
    });
    try {
      await server.listen();
      const { port } = server.httpServer.address();
      // It loads the page again when it has found what to prepare.
      assert.deepEqual(await visit(`http://127.0.0.1:${port}/`, { mayReload: true }), WELL);
    } finally {
      await server.close();
    }
  });

  test('webpack', async () => {
    const { default: webpack } = await tool('webpack');
    write('apps/webpack/index.html', HTML('main.js'));
    const compiler = webpack({
      mode: 'production',
      context: inside('apps'),
      entry: './page.js',
      output: { path: inside('apps', 'webpack'), filename: 'main.js' },
    });
    const stats = await new Promise((resolve, reject) =>
      compiler.run((error, done) => (error ? reject(error) : resolve(done))),
    );
    await new Promise((resolve) => compiler.close(resolve));
    assert.deepEqual(stats.toJson({ errors: true }).errors, []);
    assert.deepEqual(await visitFolder('apps/webpack'), WELL);
  });

  test('Rollup, with the module copied beside the code', async () => {
    const [{ rollup }, { default: resolve }] = await Promise.all([
      tool('rollup'),
      tool('@rollup/plugin-node-resolve'),
    ]);
    const bundle = await rollup({
      input: inside('apps', 'served-page.js'),
      plugins: [resolve({ browser: true })],
    });
    await bundle.write({ dir: inside('apps', 'rollup'), entryFileNames: 'main.js' });
    await bundle.close();
    write('apps/rollup/index.html', HTML('main.js'));
    copyFileSync(
      inside('node_modules/eventcore-web/dist/wasm/client/eventcore_bg.wasm'),
      inside('apps', 'rollup', 'eventcore.wasm'),
    );
    assert.deepEqual(await visitFolder('apps/rollup'), WELL);
  });

  test('esbuild, with the module in the code or as a file of its own', async () => {
    const esbuild = await tool('esbuild');
    for (const [entry, options] of [
      ['inline-page.js', {}],
      ['asset-page.js', { loader: { '.wasm': 'file' } }],
    ]) {
      write(`apps/esbuild/${entry}.html`, HTML(`${entry}`));
      await esbuild.build({
        entryPoints: [inside('apps', entry)],
        bundle: true,
        minify: true,
        format: 'esm',
        target: 'es2022',
        outdir: inside('apps', 'esbuild'),
        logLevel: 'error',
        ...options,
      });
      assert.deepEqual(await visitFolder('apps/esbuild', `${entry}.html`), WELL, entry);
    }
  });

  test('what is not used is not in the bundle', async () => {
    const esbuild = await tool('esbuild');
    const bundled = async (contents) => {
      const { outputFiles } = await esbuild.build({
        stdin: { contents, resolveDir: inside('apps') },
        bundle: true,
        minify: true,
        format: 'esm',
        write: false,
        logLevel: 'error',
      });
      return outputFiles[0].text;
    };
    const client = await bundled("import { EventStore } from 'eventcore-web'; globalThis.E = EventStore;");
    for (const [what, sign] of [
      ['React', 'useSyncExternalStore'],
      ['the endpoint', 'EndpointHost'],
      ['the kit for tests', 'ExpectationFailed'],
      ['batches', 'BatchWriteError'],
      ['the inlined module', 'DecompressionStream'],
    ]) {
      assert.ok(!client.includes(sign), `${what} is in the bundle of the client`);
    }
    assert.match(await bundled("export * from 'eventcore-web/testing'"), /ExpectationFailed/);
    assert.equal((await bundled("import 'eventcore-web'; import 'eventcore-web/server';")).trim(), '');
  });
});

describe('browsers', () => {
  test('a plain page, a worker and a service worker, without a bundler', async () => {
    // Workers know no import maps: what they import names its file.
    mkdirSync(inside('apps', 'plain'), { recursive: true });
    for (const file of ['app.js', 'page.js', 'worker.js']) {
      const text = readFileSync(inside('apps', file), 'utf8');
      write(
        `apps/plain/${file}`,
        text.replace("'eventcore-web'", "'/node_modules/eventcore-web/dist/index.js'"),
      );
    }
    write('apps/plain/index.html', HTML('page.js'));
    write('apps/plain/blank.html', '<!doctype html><link rel="icon" href="data:,">');
    const site = await serve(inside(), { ...STRICT, 'service-worker-allowed': '/' });
    const page = await browser.newPage();
    try {
      assert.deepEqual(await visit(`${site.url}apps/plain/`), WELL);
      await page.goto(`${site.url}apps/plain/blank.html`);
      const worker = await page.evaluate(
        () =>
          new Promise((resolve, reject) => {
            const worker = new Worker('/apps/plain/worker.js', { type: 'module' });
            worker.onmessage = (event) => resolve(event.data);
            worker.onerror = (event) => reject(new Error(event.message));
            worker.postMessage('go');
          }),
      );
      assert.deepEqual(worker, WELL, 'worker');
      const service = await page.evaluate(async () => {
        const registration = await navigator.serviceWorker.register('/apps/plain/worker.js', {
          type: 'module',
        });
        await navigator.serviceWorker.ready;
        const answer = new Promise((resolve) => {
          navigator.serviceWorker.onmessage = (event) => resolve(event.data);
        });
        registration.active.postMessage('go');
        return answer;
      });
      assert.deepEqual(service, WELL, 'service worker');
    } finally {
      await page.close();
      await site.stop();
    }
  });

  test('without wasm-unsafe-eval the error says that the module was not loaded', async () => {
    const csp = { 'content-security-policy': "default-src 'self'" };
    const site = await serve(inside('apps/webpack'), csp);
    const page = await browser.newPage();
    try {
      await page.goto(site.url);
      const result = await page.waitForFunction(() => globalThis.result, null, { timeout: 60_000 });
      assert.match((await result.jsonValue()).error, /NotLoaded: the wasm module was not loaded/);
    } finally {
      await page.close();
      await site.stop();
    }
  });
});

describe('runtimes', () => {
  const PRINT = "shop('memory').then((result) => console.log(JSON.stringify(result)))";
  const printed = (output) => JSON.parse(output.trim().split('\n').at(-1));

  test('Node, as a module and from CommonJS', async () => {
    write('apps/node.mjs', `import { shop } from './app.js';\n${PRINT};\n`);
    assert.deepEqual(printed(await run(process.execPath, [inside('apps/node.mjs')])), WELL);
    write('apps/node.cjs', `import('./app.js').then(({ shop }) => ${PRINT});\n`);
    assert.deepEqual(printed(await run(process.execPath, [inside('apps/node.cjs')])), WELL);
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

  test('Deno, without any permission', async () => {
    const folder = { linux: 'linux', darwin: 'darwin', win32: 'win32' }[process.platform];
    const libc = process.platform === 'linux' ? '-glibc' : '';
    const program = inside('node_modules/@deno', `${folder}-${process.arch}${libc}`, 'deno');
    write('apps/deno.mjs', `import { shop } from './app.js';\n${PRINT};\n`);
    const output = await run(
      program,
      ['run', '--no-prompt', '--node-modules-dir=manual', inside('apps/deno.mjs')],
      {
        env: { DENO_DIR: inside('.deno'), DENO_NO_UPDATE_CHECK: '1', NO_COLOR: '1' },
      },
    );
    assert.deepEqual(printed(output), WELL);
  });

  test('workerd, within the limits of a worker', async () => {
    const [esbuild, { Miniflare }] = await Promise.all([tool('esbuild'), tool('miniflare')]);
    write(
      'apps/workerd/main.js',
      `import { shop } from '../app.js';
       export default { fetch: async () => Response.json(await shop('memory')) };`,
    );
    // As wrangler bundles: the module stays a file, which workerd compiles.
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
      assert.deepEqual(await response.json(), WELL);
    } finally {
      await miniflare.dispose();
    }
  });
});

describe('the package', () => {
  test('publint finds nothing', async () => {
    const { publint } = await tool('publint');
    const { messages } = await publint({ pkgDir: inside('node_modules/eventcore-web'), strict: true });
    assert.deepEqual(messages, []);
  });

  test('the types are those of the code, in every way of resolving that ES modules have', async () => {
    const program = inside('node_modules/@arethetypeswrong/cli/dist/index.js');
    const exclude = ['--exclude-entrypoints', './eventcore.wasm'];
    await run(process.execPath, [program, packed.tarball, '--profile', 'esm-only', ...exclude]);
  });

  test('it has what it needs and nothing else', () => {
    const strange = packed.files.filter(
      (file) =>
        !/^(package\.json|README\.md|CHANGELOG\.md|LICENSE(-\w+)?)$/.test(file) &&
        !/^dist\/(?!www|wasm\/contract).*\.(js|d\.ts|js\.map|wasm)$/.test(file),
    );
    assert.deepEqual(strange, []);
    assert.ok(packed.files.includes('dist/wasm/client/eventcore_bg.wasm'));
  });

  test('its types hold under the strictest options, and refuse what is wrong', async () => {
    const tsc = inside('node_modules/typescript/bin/tsc');
    for (const config of ['bundler', 'node', 'pglite']) {
      await run(process.execPath, [tsc, '-p', inside('apps/types', `tsconfig.${config}.json`)]);
    }
  });
});
