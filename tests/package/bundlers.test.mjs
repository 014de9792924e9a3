// The packed package, installed by npm into a project and bundled there as users do; each bundle runs in a page.

import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { launchChromium } from '../../js/tools/chromium.mjs';
import { HTML, visit, visitFolder, WELL } from './pages.mjs';
import { inside, install, tool, write } from './project.mjs';

let browser;

before(async () => {
  [, browser] = await Promise.all([install(), launchChromium()]);
});
after(() => browser?.close());

describe('bundlers', () => {
  test('Vite builds it, and serves it while developing', async () => {
    const vite = await tool('vite');
    const root = inside('apps', 'vite');
    write('apps/vite/index.html', HTML('/main.js'));
    write('apps/vite/main.js', "import '../page.js';\n");
    const config = { root, configFile: false, logLevel: 'error' };
    await vite.build({ ...config, build: { target: 'es2022', emptyOutDir: true } });
    assert.deepEqual(await visitFolder(browser, 'apps/vite/dist'), WELL);
    const server = await vite.createServer({
      ...config,
      server: { port: 0, host: '127.0.0.1', fs: { allow: [inside()] } },
    });
    try {
      await server.listen();
      const { port } = server.httpServer.address();
      // It loads the page again when it has found what to prepare.
      assert.deepEqual(await visit(browser, `http://127.0.0.1:${port}/`, { mayReload: true }), WELL);
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
    assert.deepEqual(await visitFolder(browser, 'apps/webpack'), WELL);
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
    assert.deepEqual(await visitFolder(browser, 'apps/rollup'), WELL);
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
      assert.deepEqual(await visitFolder(browser, 'apps/esbuild', `${entry}.html`), WELL, entry);
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
