// Brings a machine to where the project builds: checks Node and Rust, adds the wasm target, installs npm packages.

import { existsSync } from 'node:fs';
import { locked } from './lock.mjs';
import { attempt, endAllOnSignals, isMain, run } from './run.mjs';
import { digest, fresh, unstamp, writeStamp } from './stamp.mjs';
import { Failure, main, say, step } from './step.mjs';
import { findProgram } from './system.mjs';

export const WASM_TARGET = 'wasm32-unknown-unknown';

/** The oldest that the tools run on, the bundler and the test runner's options among them. */
const OLDEST_NODE = '20.19.0';
const NPM_STAMP = 'node_modules/.eventcore-stamp';
const EXE = process.platform === 'win32' ? '.exe' : '';

export async function setup() {
  checkNode();
  await checkRust();
  await locked(async () => {
    await addWasmTarget();
    await installNpmPackages();
  });
}

/** `rustfmt` and `clippy` are needed by the checks only. */
export async function addRustComponents() {
  const missing = [];
  for (const [component, program] of Object.entries({ rustfmt: 'fmt', clippy: 'clippy' })) {
    if ((await attempt('cargo', [program, '--version'])).code !== 0) missing.push(component);
  }
  if (missing.length === 0) return;
  requireRustup(`the Rust components ${missing.join(' and ')} are missing`);
  await step(`adding ${missing.join(' and ')}`, () => run('rustup', ['component', 'add', ...missing]));
}

function checkNode() {
  if (process.versions.node.localeCompare(OLDEST_NODE, 'en', { numeric: true }) >= 0) return;
  throw new Failure(`Node ${process.versions.node} is too old: ${OLDEST_NODE} or later is needed`, {
    next: `install Node ${OLDEST_NODE} or later: https://nodejs.org`,
  });
}

async function checkRust() {
  if (findProgram([`cargo${EXE}`])) return;
  throw new Failure('Rust was not found: there is no cargo in PATH', {
    next: 'install it from https://rustup.rs, then open a new shell or run: . "$HOME/.cargo/env"',
  });
}

async function addWasmTarget() {
  // Asking the compiler works with and without rustup, and is quick when there is nothing to do.
  const { code, output } = await attempt('rustc', ['--print', 'target-libdir', '--target', WASM_TARGET]);
  if (code === 0 && existsSync(output.trim())) return;
  requireRustup(`the Rust target ${WASM_TARGET} is missing`);
  await step(`adding the Rust target ${WASM_TARGET}`, () => run('rustup', ['target', 'add', WASM_TARGET]));
}

function requireRustup(problem) {
  if (findProgram([`rustup${EXE}`])) return;
  throw new Failure(`${problem}, and rustup, which adds it, was not found`, {
    next: 'install rustup from https://rustup.rs, or the missing part with the tool that installed Rust',
  });
}

async function installNpmPackages() {
  const key = digest(['package.json', 'package-lock.json']);
  if (fresh(NPM_STAMP, key)) return;
  unstamp(NPM_STAMP);
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  await step('installing npm packages', () =>
    run(npm, ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'], {
      next: 'if package.json was changed by hand, run: npm install',
    }),
  );
  writeStamp(NPM_STAMP, key);
}

if (isMain(import.meta.url)) {
  endAllOnSignals();
  await main(async () => {
    await setup();
    say('Ready: npm start, npm test');
  });
}
