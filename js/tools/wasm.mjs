// Builds the wasm modules: compile with Cargo, generate the JavaScript glue, shrink.

import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { withoutFeature } from './features.mjs';
import { namedByLikeness } from './likeness.mjs';
import { shortenNames } from './names.mjs';
import { silencePanics } from './panics.mjs';
import { npmProgram, ROOT, run } from './run.mjs';
import { WASM_TARGET } from './setup.mjs';
import { digest, fresh, unstamp, writeStamp } from './stamp.mjs';
import { Failure, say, step } from './step.mjs';

/**
 * The modules by name: each is the library with one Cargo feature of the same name.
 * @type {Record<string, { profile: string, shrink: boolean }>}
 */
export const MODULES = {
  client: { profile: 'wasm-client', shrink: true },
  endpoint: { profile: 'wasm', shrink: true },
  contract: { profile: 'wasm-test', shrink: false },
};

/** What rustc emits for this target; the optimizer may use it, and needs to be told. */
const WASM_FEATURES = [
  'bulk-memory',
  'mutable-globals',
  'nontrapping-float-to-int',
  'reference-types',
  'sign-ext',
];

/** For `silencePanics`: what leads to what, and functions by readable names. */
const LINKING = ['-C', 'link-arg=--emit-relocs', '-C', 'link-arg=--demangle'];

/**
 * Functions with one caller are inlined where they are small, and what is computed twice stays so: else less repeats
 * itself. What lies lowest in memory is the far end of the stack, so no address is below 1024 and none wraps around when
 * a constant is added.
 */
const SHRINK = [
  '-Oz',
  '--low-memory-unused',
  '--one-caller-inline-max-function-size=50',
  '--skip-pass=local-cse',
  '--reorder-functions-by-name',
  '--strip-producers',
  '--strip-target-features',
];

/** Apart from the library's own target folder, so that neither build makes the other start anew. */
const TOOLS_DIR = 'target/tools';
const TOOLS_PROFILE = 'wasm-test';
const EXE = process.platform === 'win32' ? '.exe' : '';
const BINDGEN = `${TOOLS_DIR}/${TOOLS_PROFILE}/bindgen${EXE}`;

const GLUE = ['eventcore.js', 'eventcore.d.ts', 'eventcore_bg.wasm'];
/** The module as text, for where it cannot be served. */
const INLINE = ['inline.js', 'inline.d.ts'];

/** What a wasm module is made of. */
export function moduleInputs() {
  const names = ['wasm', 'wasm-binary', 'features', 'likeness', 'linking', 'names', 'panics'];
  const tools = names.map((tool) => `js/tools/${tool}.mjs`);
  return ['Cargo.toml', 'Cargo.lock', 'src', 'package-lock.json', ...tools];
}

export function moduleOutputs(name) {
  const made = MODULES[name].shrink ? [...GLUE, ...INLINE] : GLUE;
  return made.map((file) => `dist/wasm/${name}/${file}`);
}

/** Compiles one module into `dist/wasm/<name>/`. To be called under the build lock. */
export async function buildModule(name) {
  const { profile, shrink } = MODULES[name];
  const work = path.join(ROOT, 'target', 'glue', name);
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });

  await step(`compiling the wasm module ${name}`, async () => {
    // As nothing but a module: what would also be a library for other crates keeps more of its code.
    const what = ['--lib', '--crate-type', 'cdylib', '--features', name];
    const how = ['--target', WASM_TARGET, '--profile', profile, ...(shrink ? ['--', ...LINKING] : [])];
    await run('cargo', ['rustc', '--quiet', ...what, ...how]);
    // Every module is compiled to the same place: it is taken away before the next one overwrites it.
    const compiled = readFileSync(path.join(ROOT, 'target', WASM_TARGET, profile, 'eventcore_web.wasm'));
    // Else the generator makes functions that return several values, and Firefox calls those by a slow way.
    const single = withoutFeature(compiled, 'multivalue');
    writeFileSync(path.join(work, 'compiled.wasm'), shrink ? silencePanics(single) : single);
  });
  await buildBindgen();
  await step(`generating the glue of ${name}`, () =>
    run(path.join(ROOT, BINDGEN), [path.join(work, 'compiled.wasm'), work, 'eventcore']),
  );
  if (shrink) {
    await step(`shrinking ${name}`, () => shrinkModule(path.join(work, 'eventcore_bg.wasm')));
    shorten(work);
    quicken(work);
    writeInline(work);
  }
  deliver(work, name, shrink ? INLINE : []);
}

async function shrinkModule(module) {
  const flags = WASM_FEATURES.map((feature) => `--enable-${feature}`);
  const optimize = async (passes) => {
    const file = [...flags, module, '-o', `${module}.opt`];
    await run(...npmProgram('binaryen', 'wasm-opt', [...passes, ...SHRINK, ...file]));
    renameSync(`${module}.opt`, module);
  };
  await optimize(['--flatten', '--rereloop']);
  writeFileSync(module, namedByLikeness(readFileSync(module)));
  await optimize([]);
}

function shorten(work) {
  const { module, rename } = shortenNames(readFileSync(path.join(work, 'eventcore_bg.wasm')));
  writeFileSync(path.join(work, 'eventcore_bg.wasm'), module);
  for (const file of ['eventcore.js', 'eventcore_bg.wasm.d.ts']) {
    const whole = readFileSync(path.join(work, file), 'utf8');
    writeFileSync(path.join(work, file), rename(whole));
  }
}

/** What may throw, as the generator has it: a function and a list of arguments are made for each call. */
const CATCHING =
  / function\(\) \{ return handleError\(function \((.*)\) \{\n([\s\S]*?) {8}\}, arguments\); \},\n/g;
const HANDLING =
  /(function handleError\()f, args(\) \{\n) {4}try \{\n.*\n {4}\} catch \(e\) \{\n([\s\S]*?) {4}\}\n(\}\n)/;

/** What is done next; it costs a browser more than what follows a promise. */
const QUEUEING = '            queueMicrotask(arg0);\n';

/** A text that is passed to the module, as the generator has it: a character at a time while all are ASCII. */
const PASSING =
  / {4}let offset = 0;\n\n( {4}for [\s\S]*?\n {4}\}\n) {4}if \(offset !== len\) \{\n {8}if [\s\S]*?\n {8}\}\n/;

/** From here on, in characters, a call of the browser's encoder is cheaper than a loop. */
const LONG = 128;

/** Makes calls across the module's border cheaper. */
function quicken(work) {
  const file = path.join(work, 'eventcore.js');
  writeFileSync(file, passTextsAtOnce(followPromise(catchInPlace(readFileSync(file, 'utf8')))));
}

function catchInPlace(glue) {
  const caught = glue
    .replace(HANDLING, '$1e$2$3$4')
    .replace(CATCHING, ' function($1) { try {\n$2        } catch (e) { handleError(e); } },\n');
  const isDone = caught.includes('function handleError(e)') && !caught.includes(', arguments)');
  if (!isDone) throw new Failure('the glue catches in another way: see CATCHING');
  return caught;
}

function followPromise(glue) {
  if (!glue.includes(QUEUEING)) throw new Failure('the glue queues in another way: see QUEUEING');
  return `${glue.replace(QUEUEING, '            resolved.then(arg0);\n')}\nconst resolved = Promise.resolve();\n`;
}

/** Encodes long texts at once. */
function passTextsAtOnce(glue) {
  if (!PASSING.test(glue)) throw new Failure('the glue passes texts in another way: see PASSING');
  return glue.replace(
    PASSING,
    (_, loop) => `    let offset = 0;
    let read = 0;
    if (len > ${LONG}) {
        ({ read, written: offset } = cachedTextEncoder.encodeInto(arg, mem.subarray(ptr, ptr + len)));
    } else {
${loop.replaceAll(/^/gm, '    ').trimEnd()}
        read = offset;
    }
    if (read !== len) {
        arg = arg.slice(read);
`,
  );
}

function writeInline(work) {
  const base64 = gzipSync(readFileSync(path.join(work, 'eventcore_bg.wasm')), { level: 9 }).toString(
    'base64',
  );
  writeFileSync(path.join(work, 'inline.js'), `export default '${base64}';\n`);
  writeFileSync(path.join(work, 'inline.d.ts'), 'declare const base64: string;\nexport default base64;\n');
}

/** Puts the finished files in place; until here the former ones could be used. */
function deliver(work, name, more) {
  const out = path.join(ROOT, 'dist', 'wasm', name);
  mkdirSync(out, { recursive: true });
  for (const file of [...GLUE, ...more, 'eventcore_bg.wasm.d.ts'])
    renameSync(path.join(work, file), path.join(out, file));
  rmSync(work, { recursive: true });
  say(`  dist/wasm/${name}: ${(statSync(path.join(out, 'eventcore_bg.wasm')).size / 1000).toFixed(0)} kB`);
}

async function buildBindgen() {
  const key = digest(['src/bin/bindgen.rs'], [bindgenVersion()]);
  const stamp = `${TOOLS_DIR}/bindgen.stamp`;
  if (fresh(stamp, key, [BINDGEN])) return;
  unstamp(stamp);
  await step('compiling the glue generator (once)', () =>
    run('cargo', [
      ...['build', '--quiet', '--bin', 'bindgen', '--features', 'bindgen'],
      ...['--profile', TOOLS_PROFILE, '--target-dir', TOOLS_DIR],
    ]),
  );
  writeStamp(stamp, key);
}

/** The one version in the lock file; the library's own changes do not matter to the generator. */
function bindgenVersion() {
  const lock = readFileSync(path.join(ROOT, 'Cargo.lock'), 'utf8');
  const version = /name = "wasm-bindgen-cli-support"\r?\nversion = "([^"]+)"/.exec(lock)?.[1];
  if (!version)
    throw new Failure('Cargo.lock does not name wasm-bindgen-cli-support', {
      next: 'git checkout Cargo.lock',
    });
  return version;
}
