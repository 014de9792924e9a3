// `npm run fuzz [-- push|request] [--seconds 60]`: fuzzes what reads the endpoint's requests, by libFuzzer on the stable
// compiler. A crash is kept in target/fuzz and named.

import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { endAllOnSignals, isMain, ROOT, run } from './run.mjs';
import { setup } from './setup.mjs';
import { Failure, main, say } from './step.mjs';

const MANIFEST = 'tests/fuzz/Cargo.toml';
const FOLDER = path.join(ROOT, 'target', 'fuzz');
const TARGETS = ['push', 'request'];
/** What libFuzzer needs to see which ways the code goes. */
const INSTRUMENTED = [
  ...['--cfg', 'fuzzing', '-Cpasses=sancov-module', '-Cllvm-args=-sanitizer-coverage-level=4'],
  ...['-Cllvm-args=-sanitizer-coverage-inline-8bit-counters', '-Cllvm-args=-sanitizer-coverage-pc-table'],
  ...['-Cllvm-args=-sanitizer-coverage-trace-compares', '-Ccodegen-units=1'],
];

/** Where a target's corpus lies; it begins with the messages on the wire. */
function corpus(target) {
  const folder = path.join(FOLDER, 'corpus', target);
  mkdirSync(folder, { recursive: true });
  const wire = path.join(ROOT, 'tests', 'wire');
  const pushes = readdirSync(wire).filter((file) => /^push-.*\.request\.json$/.test(file));
  if (target === 'push')
    for (const file of pushes) copyFileSync(path.join(wire, file), path.join(folder, file));
  else {
    for (const [name, parts] of Object.entries({
      push: ['POST', '/v1/spaces/team-1/push', '', '1', '', '{"commits":[]}'],
      events: ['GET', '/v1/spaces/a%20b/events', 'after=1&limit=2', '1', '', ''],
      live: ['GET', '/v1/spaces/a/live', 'after=0', '', '7', ''],
      ready: ['GET', '/readyz', '', '', '', ''],
    })) {
      writeFileSync(path.join(folder, name), parts.join('\0'));
    }
  }
  return folder;
}

/** Fuzzes a target; throws where it found something. @param {string} target @param {number} seconds */
export async function fuzz(target, seconds) {
  const build = ['--release', '--features', 'run', '--target-dir', path.join(FOLDER, 'build')];
  const host = /^host: (.*)$/m.exec(await run('rustc', ['-vV']))?.[1] ?? '';
  // For the target alone: build scripts and macros are not instrumented.
  const flags = { CARGO_ENCODED_RUSTFLAGS: INSTRUMENTED.join('\x1f') };
  await run(
    'cargo',
    ['build', '--quiet', '--manifest-path', MANIFEST, '--target', host, '--bin', target, ...build],
    {
      env: flags,
    },
  );
  const program = path.join(FOLDER, 'build', host, 'release', target);
  const artifacts = path.join(FOLDER, `crash-${target}-`);
  const options = [
    `-max_total_time=${seconds}`,
    `-artifact_prefix=${artifacts}`,
    '-timeout=10',
    '-max_len=65536',
  ];
  const output = await run(program, [...options, corpus(target)], {
    next: `the input is in ${FOLDER}; run ${program} on it`,
  });
  const done = /^Done (\d+) runs/m.exec(output)?.[1];
  if (done === undefined) throw new Failure(`${target} did not run to its end:\n${output}`);
  return Number(done);
}

if (isMain(import.meta.url)) {
  endAllOnSignals();
  await main(async () => {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { seconds: { type: 'string', default: '60' } },
    });
    const unknown = positionals.filter((name) => !TARGETS.includes(name));
    if (unknown.length > 0)
      throw new Failure(`unknown: ${unknown.join(', ')}`, { next: `one of ${TARGETS.join(', ')}` });
    await setup();
    for (const target of positionals.length > 0 ? positionals : TARGETS) {
      const runs = await fuzz(target, Number(values.seconds));
      say(`${target}: ${runs} inputs in ${values.seconds} s, and none that it could not answer`);
    }
  });
}
