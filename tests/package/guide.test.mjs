// The guide and the README: every block compiles under the strictest options, and prints what it says that it prints.

import assert from 'node:assert/strict';
import { cpSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { PGlite } from '@electric-sql/pglite';
import { ERROR_CLASSES, errorOf } from '../../dist/errors.js';
import { createSyncHandler, fromPGlite } from '../../dist/server/index.js';
import { launchChromium } from '../../js/tools/chromium.mjs';
import { run } from '../../js/tools/run.mjs';
import { listen } from '../support/hosts.mjs';
import { CHAPTERS, chapter, GUIDE, programs } from './chapters.mjs';
import { inside, install, write } from './project.mjs';
import { serve } from './serve.mjs';

const PROGRAMS = programs();
const isMarkup = ({ how }) => how.includes('tsx');

let esbuild;
let browser;
let site;

before(async () => {
  await install();
  esbuild = await import(pathToFileURL(createRequire(inside('package.json')).resolve('esbuild')).href);
  for (const program of PROGRAMS) {
    write(`guide/${program.name}.${isMarkup(program) ? 'tsx' : 'ts'}`, `${program.code}\nexport {};\n`);
  }
  // Where the bundled code looks for it.
  cpSync(inside('node_modules/eventcore-web/dist/wasm'), inside('guide/site/wasm'), { recursive: true });
  write('guide/site/code/index.html', '<!doctype html><link rel="icon" href="data:,">');
  site = await serve(inside('guide/site'));
  browser = await launchChromium();
});
after(async () => {
  await browser?.close();
  await site?.stop();
});

test('every chapter is in the contents, and has code that runs', () => {
  const { projectDocuments } = JSON.parse(readFileSync(path.join(GUIDE, 'typedoc.json'), 'utf8'));
  assert.deepEqual([...projectDocuments].sort(), CHAPTERS.map((name) => `${name}.md`).sort());
  for (const name of ['README', ...CHAPTERS])
    assert.ok(
      PROGRAMS.some((program) => program.name.startsWith(`${name}-`)),
      name,
    );
  assert.ok(PROGRAMS.flatMap(({ prints }) => prints).length >= 15);
});

test('every error has its row in the table, with its class and what to do', () => {
  const rows = [...chapter('errors').matchAll(/^\| `([A-Z_]+)` \| `(\w+)` \| (.+) \| (.+) \|$/gm)];
  const classes = Object.keys(ERROR_CLASSES).map((code) => [code, errorOf(code, '').name]);
  assert.deepEqual(
    rows.map(([, code, name]) => [code, name]),
    [...classes, ['NOT_LOADED', 'NotLoaded']],
  );
});

test('every block compiles', async () => {
  const config = {
    extends: '../apps/types/tsconfig.bundler.json',
    compilerOptions: {
      lib: ['es2022', 'dom', 'dom.iterable', 'dom.asynciterable'],
      types: ['node'],
      // PGlite's own types do not hold without this.
      skipLibCheck: true,
    },
    files: PROGRAMS.map((program) => `${program.name}.${isMarkup(program) ? 'tsx' : 'ts'}`),
  };
  write('guide/tsconfig.json', JSON.stringify(config));
  await run(process.execPath, [
    inside('node_modules/typescript/bin/tsc'),
    '-p',
    inside('guide/tsconfig.json'),
  ]);
});

for (const { name, task, how, prints } of PROGRAMS) {
  if (task !== 'run') continue;
  test(`${name} prints what it says`, async () => {
    const place = how.includes('node') ? inNode : inBrowser;
    assert.deepEqual(await place(name, how.includes('endpoint')), prints);
  });
}

async function inNode(name) {
  const outfile = inside(`guide/${name}.mjs`);
  await esbuild.build({
    entryPoints: [inside(`guide/${name}.ts`)],
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    outfile,
    logLevel: 'error',
  });
  const output = await run(process.execPath, [outfile]);
  return output.split('\n').filter((line) => line !== '');
}

async function inBrowser(name, needsEndpoint) {
  await esbuild.build({
    entryPoints: [inside(`guide/${name}.ts`)],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    outfile: inside(`guide/site/code/${name}.js`),
    logLevel: 'error',
  });
  const db = needsEndpoint ? await PGlite.create() : undefined;
  const endpoint = db && (await listen(createSyncHandler({ sql: fromPGlite(db), allowOrigin: '*' })));
  const context = await browser.newContext();
  try {
    // The README names the address of an endpoint on the reader's machine.
    await context.route('http://127.0.0.1:4870/**', (route) =>
      route.continue({ url: route.request().url().replace('http://127.0.0.1:4870', endpoint?.url) }),
    );
    const page = await context.newPage();
    const printed = [];
    page.on('console', (message) => printed.push(message.text()));
    page.on('pageerror', (error) => printed.push(String(error)));
    await page.goto(`${site.url}code/`);
    await page.evaluate(
      ([code, endpoint]) => {
        globalThis.endpoint = endpoint;
        return import(code);
      },
      [`/code/${name}.js`, endpoint?.url],
    );
    return printed;
  } finally {
    await context.close();
    await endpoint?.stop();
    await db?.close();
  }
}
