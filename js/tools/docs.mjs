// `npm run docs [-- --port N | --build]`: builds the guide and the API reference, and serves them.

import { createServer } from 'node:http';
import path from 'node:path';
import { build } from './build.mjs';
import { locked } from './lock.mjs';
import { endAllOnSignals, isMain, ROOT, run } from './run.mjs';
import { setup } from './setup.mjs';
import { digest, fresh, unstamp, writeStamp } from './stamp.mjs';
import { main, say, step } from './step.mjs';

const GUIDE = path.join(ROOT, 'www', 'guide');
const STAMP = 'www/guide/node_modules/.eventcore-stamp';
const NPM = process.platform === 'win32' ? 'npm.cmd' : 'npm';

/** Builds `dist/docs`; what the generator warns about is an error. */
async function buildDocs() {
  // The types of the wasm modules are generated.
  await build(['client', 'endpoint', 'ts']);
  await locked(installGenerator);
  await step('building the documentation', () =>
    run(process.execPath, [
      path.join(GUIDE, 'node_modules', 'typedoc', 'bin', 'typedoc'),
      ...['--options', path.join(GUIDE, 'typedoc.json'), '--logLevel', 'Warn'],
    ]),
  );
}

async function installGenerator() {
  const key = digest(['www/guide/package.json', 'www/guide/package-lock.json']);
  if (fresh(STAMP, key)) return;
  unstamp(STAMP);
  await step('installing the documentation generator', () =>
    run(NPM, ['ci', '--include=dev', '--prefix', GUIDE, '--no-audit', '--no-fund', '--loglevel=error']),
  );
  writeStamp(STAMP, key);
}

async function serve(port) {
  const [{ staticFiles }, { answer }] = await Promise.all([
    import('../../dist/cli/files.js'),
    import('../../dist/cli/http.js'),
  ]);
  const files = staticFiles(path.join(ROOT, 'dist', 'docs'));
  const server = createServer((incoming, outgoing) => {
    answer(incoming, outgoing, files).catch(() => outgoing.destroy());
  });
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(undefined));
  });
  say(`\n  http://127.0.0.1:${server.address().port}/\n\nCtrl-C stops it.`);
}

if (isMain(import.meta.url)) {
  endAllOnSignals();
  await main(async () => {
    const args = process.argv.slice(2);
    await setup();
    await buildDocs();
    if (!args.includes('--build')) await serve(Number(args[args.indexOf('--port') + 1] || 4880));
  });
}
