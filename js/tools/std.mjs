// Rust's standard library, compiled with the client's module and for size: the one that comes with the compiler is
// compiled for speed, and brings along the words of every panic, which nobody sees in a browser.
//
// The compiler counts what this takes as unstable. Where it refuses, or has no sources, the library is the usual one
// and the module some kilobytes larger.

import { existsSync } from 'node:fs';
import path from 'node:path';
import { attempt, run } from './run.mjs';
import { say, step } from './step.mjs';
import { findProgram } from './system.mjs';

const UNSTABLE = { RUSTC_BOOTSTRAP: '1' };
/** A panic ends the module where it happens; it cannot be caught there anyway. */
const ABORT = ['-Zunstable-options', '-Cpanic=immediate-abort'];
const BUILD = ['-Zbuild-std=std,panic_abort', '-Zbuild-std-features=optimize_for_size'];

/**
 * What to give Cargo so that it compiles the standard library too; nothing where it cannot.
 * @param {string} target @returns {Promise<{ args: string[], env: Record<string, string> }>}
 */
export async function ownStd(target) {
  const probe = await attempt('rustc', [...ABORT, '--print', 'cfg', '--target', target], { env: UNSTABLE });
  if (probe.code === 0 && (await hasSources())) {
    const flags = `CARGO_TARGET_${target.toUpperCase().replaceAll('-', '_')}_RUSTFLAGS`;
    return { args: BUILD, env: { ...UNSTABLE, [flags]: ABORT.join(' ') } };
  }
  say('• this Rust does not compile its standard library: the module will be larger than its budget');
  return { args: [], env: {} };
}

async function hasSources() {
  const { output } = await attempt('rustc', ['--print', 'sysroot']);
  const sources = path.join(output.trim(), 'lib', 'rustlib', 'src', 'rust', 'library', 'Cargo.lock');
  if (!existsSync(sources) && findProgram([`rustup${process.platform === 'win32' ? '.exe' : ''}`])) {
    await step('adding the sources of the standard library', () =>
      run('rustup', ['component', 'add', 'rust-src']),
    );
  }
  return existsSync(sources);
}
