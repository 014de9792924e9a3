// The suites of `npm test`: what each needs, what it runs, and how its counts are read.

import { existsSync } from 'node:fs';
import path from 'node:path';
import { requireBrowser, wantedBrowsers } from './browsers.mjs';
import { build } from './build.mjs';
import { startEmbeddedPostgres, startPostgres } from './postgres.mjs';
import { attempt, npmProgram, ROOT, run, whenEnding } from './run.mjs';
import { addRustComponents, WASM_TARGET } from './setup.mjs';
import { hold, table, weighEntries } from './size.mjs';
import { files } from './stamp.mjs';
import { Failure, passOn, say, seconds, step } from './step.mjs';

/** A suite that hangs is ended, so that the others still have their turn. */
const SUITE_MS = 25 * 60_000;
const SERVER = ['--features', 'server'];
/** What is tested with a second version of PostgreSQL too. */
const POSTGRES_TESTS = [
  'postgres',
  'migrations',
  'postgres_faults',
  'pipelined',
  'notify',
  'retention',
  'sharding',
];
/** A file of tests runs in several browsers, one after the other. */
const TEST_MS = 20 * 60_000;

/**
 * @typedef {{ passed: number, failed: number, skipped: number }} Counts
 * @typedef {{ about: string, run: () => Promise<Counts> }} Suite
 */

/** @type {Record<string, Suite>} In the order in which they run: what fails soonest comes first. */
export const SUITES = {
  lint: { about: 'formatting, clippy, documentation, types, biome', run: lint },
  rust: { about: 'the Rust tests, with a temporary PostgreSQL; what needs one also with a newer', run: rust },
  build: { about: 'everything that ships, and the modules for tests', run: buildEverything },
  size: { about: 'what each entry of the package weighs, beside its budget', run: size },
  node: { about: 'tests/node: the package in Node', run: () => nodeTests('node', 2) },
  browser: {
    about: 'tests/browser: the package in Chromium, Firefox and WebKit, or in those that BROWSERS names',
    run: () => nodeTests('browser', 1, wantedBrowsers()),
  },
  package: {
    about: 'tests/package: the packed package in bundlers, runtimes and React',
    run: () => nodeTests('package', 1, ['chromium']),
  },
  e2e: {
    about: 'tests/e2e: page, endpoint and PostgreSQL together, in the same browsers',
    run: () => nodeTests('e2e', 1, wantedBrowsers()),
  },
};

async function lint() {
  await addRustComponents();
  const clippy = (...args) => ['cargo', ['clippy', '--quiet', ...args, '--', '-D', 'warnings']];
  const wasm = ['--lib', '--target', WASM_TARGET];
  return steps({
    'cargo fmt': () => command('cargo', ['fmt', '--check']),
    biome: () => command(...npmProgram('@biomejs/biome', 'biome', ['ci', '--error-on-warnings'])),
    clippy: () => command(...clippy('--all-targets')),
    'clippy, server': () => command(...clippy('--all-targets', '--features', 'server')),
    'clippy, fuzzers': () =>
      command(...clippy('--manifest-path', 'tests/fuzz/Cargo.toml', '--target-dir', 'target')),
    'clippy, wasm client': () => command(...clippy(...wasm, '--features', 'client')),
    'clippy, wasm contract': () => command(...clippy(...wasm, '--features', 'contract')),
    'clippy, wasm endpoint': () => command(...clippy(...wasm, '--features', 'endpoint')),
    'cargo doc': () =>
      command('cargo', ['doc', '--quiet', '--no-deps', '--lib', '--features', 'server'], {
        RUSTDOCFLAGS: '-D warnings',
      }),
    // The types of the wasm modules are generated, and the page sees the package as it is built.
    tsc: () =>
      build(['client', 'endpoint']).then(() => command(...npmProgram('typescript', 'tsc', ['--noEmit']))),
    ...(existsSync(path.join(ROOT, 'www', 'tsconfig.json')) && {
      'tsc, page': () =>
        build(['ts']).then(() => command(...npmProgram('typescript', 'tsc', ['--noEmit', '-p', 'www']))),
    }),
  });
}

async function rust() {
  const { TEST_DATABASE_URL } = process.env;
  await step('compiling the tests', () => run('cargo', ['test', '--quiet', '--no-run', ...SERVER]));
  if (TEST_DATABASE_URL) return rustTests(TEST_DATABASE_URL);
  const counts = [await withPostgres(await startPostgres(), (url) => rustTests(url))];
  const newer = await startEmbeddedPostgres();
  if (newer === null) say('• npm has no PostgreSQL for this machine: tested with one version only');
  else counts.push(await withPostgres(newer, (url) => rustTests(url, POSTGRES_TESTS)));
  return counts.reduce((one, other) => ({
    passed: one.passed + other.passed,
    failed: one.failed + other.failed,
    skipped: one.skipped + other.skipped,
  }));
}

async function withPostgres(postgres, work) {
  const undo = whenEnding(() => postgres.stop());
  try {
    return await work(postgres.url);
  } finally {
    undo();
    await postgres.stop();
  }
}

/** The tests of these targets, or all. */
async function rustTests(url, targets = []) {
  const chosen = targets.flatMap((target) => ['--test', target]);
  const { code, output } = await attempt('cargo', ['test', '--no-fail-fast', ...SERVER, ...chosen], {
    env: { TEST_DATABASE_URL: url },
    stream: true,
    timeoutMs: SUITE_MS,
  });
  const ends = output.matchAll(/^test result: .*? (\d+) passed; (\d+) failed; (\d+) ignored/gm);
  return judged(code, sum([...ends].map(([, ...counts]) => counts)));
}

async function buildEverything() {
  return steps({ shipped: () => build(), contract: () => build(['contract']) });
}

async function size() {
  const entries = await weighEntries();
  say(table(entries));
  return steps(Object.fromEntries(entries.map((entry) => [entry.entry, async () => hold(entry)])));
}

/** Runs `tests/<folder>/**.test.mjs` over what is built. */
async function nodeTests(folder, concurrency, browsers = []) {
  const tests = files(`tests/${folder}`).filter((file) => file.endsWith('.test.mjs'));
  if (tests.length === 0) return { passed: 0, failed: 0, skipped: 0 };
  await build(['client', 'endpoint', 'contract', 'ts', 'www']);
  for (const browser of browsers) await requireBrowser(browser);
  const { code, output } = await attempt(
    process.execPath,
    [
      ...['--test', '--test-reporter=spec', '--test-reporter-destination=stdout'],
      ...[`--test-concurrency=${concurrency}`, `--test-timeout=${TEST_MS}`, ...tests],
    ],
    { stream: true, timeoutMs: SUITE_MS },
  );
  const count = (word) => Number(new RegExp(`^ℹ ${word} (\\d+)$`, 'm').exec(output)?.[1] ?? 0);
  return judged(code, {
    passed: count('pass'),
    failed: count('fail') + count('cancelled'),
    skipped: count('skipped') + count('todo'),
  });
}

/**
 * Carries out named steps, each counting as one test; a failing one does not keep the others from being tried.
 * @param {Record<string, () => Promise<unknown>>} named
 */
async function steps(named) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const [name, work] of Object.entries(named)) {
    const began = performance.now();
    const problem = await work().then(() => null, explain);
    const mark = problem === null ? '✔' : '✖';
    counts[problem === null ? 'passed' : 'failed'] += 1;
    say(`${mark} ${name} (${seconds(performance.now() - began)})`);
    if (problem !== null) passOn(`${problem}\n\n`);
  }
  return counts;
}

async function command(program, args, env) {
  const { code, output } = await attempt(program, args, { env, timeoutMs: SUITE_MS });
  if (code !== 0) throw new Failure(output.trim() || `exit code ${code}`);
}

/** A foreseen failure in its own words; anything else is a fault of these tools, and shows where. */
export function explain(error) {
  return error instanceof Failure ? error.message : String(error?.stack ?? error);
}

function sum(rows) {
  const total = (column) => rows.reduce((so_far, row) => so_far + Number(row[column]), 0);
  return { passed: total(0), failed: total(1), skipped: total(2) };
}

/** A command that failed without naming a failed test (it did not compile, it was ended) is one failure. */
function judged(code, counts) {
  return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}
