// `npm run build [-- part …]`: builds what is out of date of the wasm modules, the TypeScript and the page.

import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import { locked } from './lock.mjs';
import { endAllOnSignals, isMain, npmProgram, ROOT, run } from './run.mjs';
import { digest, files, fresh, unstamp, writeStamp } from './stamp.mjs';
import { Failure, main, say, step } from './step.mjs';
import { buildModule, MODULES, moduleInputs, moduleOutputs } from './wasm.mjs';

/**
 * @typedef {object} Part
 * @property {string[]} needs The parts that it is built from.
 * @property {() => string[]} inputs
 * @property {() => string[]} outputs
 * @property {() => Promise<void>} build
 */

/** @type {Record<string, Part>} In the order in which they can be built. */
const PARTS = {
  ...Object.fromEntries(Object.keys(MODULES).map((name) => [name, modulePart(name)])),
  ts: {
    needs: ['client', 'endpoint'],
    inputs: () => [...sources(), 'tsconfig.json', 'package.json', 'package-lock.json', 'js/tools/build.mjs'],
    outputs: () => sources().map((source) => source.replace(/^js\//, 'dist/').replace(/\.tsx?$/, '.js')),
    build: buildTypeScript,
  },
  www: {
    needs: ['ts'],
    inputs: () => ['www', 'package.json', 'package-lock.json', 'js/tools/build.mjs'],
    outputs: () => (hasPage() ? ['dist/www/index.html'] : []),
    build: buildPage,
  },
};

/** What a user needs to run the project; `contract` is for tests. */
export const SHIPPED = ['client', 'endpoint', 'ts', 'www'];

/** Builds the named parts and what they need, each only when its inputs have changed. */
export async function build(names = SHIPPED) {
  for (const name of names) {
    if (!PARTS[name])
      throw new Failure(`unknown part ${name}`, { next: `one of: ${Object.keys(PARTS).join(', ')}` });
  }
  const wanted = withNeeds(names);
  if (wanted.every((name) => isFresh(name))) return;
  await locked(async () => {
    for (const name of wanted) {
      if (!isFresh(name)) await rebuild(name);
    }
  });
}

async function rebuild(name) {
  // Taken before the work: a file that changes meanwhile leaves the result out of date.
  const before = key(name);
  unstamp(stampOf(name));
  await PARTS[name].build();
  writeStamp(stampOf(name), before);
}

function isFresh(name) {
  return fresh(stampOf(name), key(name), PARTS[name].outputs());
}

function key(name) {
  const { needs, inputs } = PARTS[name];
  return digest(inputs(), needs.map(key));
}

function stampOf(name) {
  return `dist/.stamps/${name}`;
}

/** In the order of `PARTS`. */
function withNeeds(names) {
  const wanted = new Set();
  const add = (name) => {
    wanted.add(name);
    PARTS[name].needs.forEach(add);
  };
  names.forEach(add);
  return Object.keys(PARTS).filter((name) => wanted.has(name));
}

/** @returns {Part} */
function modulePart(name) {
  return {
    needs: [],
    inputs: moduleInputs,
    outputs: () => moduleOutputs(name),
    build: () => buildModule(name),
  };
}

function sources() {
  return files('js').filter((file) => /(?<!\.d)\.tsx?$/.test(file) && !file.startsWith('js/tools/'));
}

async function buildTypeScript() {
  if (sources().length === 0) {
    say('• there is no TypeScript in js/ yet: skipped');
    return;
  }
  await step('compiling TypeScript', () => run(...npmProgram('typescript', 'tsc', [])));
  removeLeftovers();
}

/** The compiler never deletes: what it wrote for a source that is gone would still be published. */
function removeLeftovers() {
  const kept = new Set(sources().map((source) => source.replace(/^js\//, 'dist/').replace(/\.tsx?$/, '')));
  for (const file of files('dist')) {
    if (/^dist\/(wasm|www|\.stamps)\//.test(file)) continue;
    const [, stem] = /^(.*?)(?:\.d\.ts|\.js)(?:\.map)?$/.exec(file) ?? [];
    if (stem && !kept.has(stem)) rmSync(path.join(ROOT, file));
  }
}

function hasPage() {
  return existsSync(path.join(ROOT, 'www', 'index.html'));
}

async function buildPage() {
  if (!hasPage()) {
    say('• there is no page yet (www/index.html): skipped');
    return;
  }
  await step('building the page', () =>
    run(...npmProgram('vite', 'vite', ['build', 'www', '--outDir', '../dist/www', '--emptyOutDir'])),
  );
}

if (isMain(import.meta.url)) {
  endAllOnSignals();
  await main(async () => {
    const names = process.argv.slice(2);
    await build(names.length > 0 ? names : SHIPPED);
    say('Up to date: dist/');
  });
}
