// `npm run bench [-- suite [--option value …]]`: measures; without a suite it names them.
//
// A suite is a file in tests/bench that exports `about`, `options` (name, default and meaning) and
// `run(options)`, which answers with a Report. It is printed as a table and written as JSON below target/bench.

import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { comparison } from '../../tests/bench/support/report.mjs';
import { endAllOnSignals, ROOT } from './run.mjs';
import { setup } from './setup.mjs';
import { Failure, main, say } from './step.mjs';

const FOLDER = path.join(ROOT, 'tests', 'bench');

async function suites() {
  const names = readdirSync(FOLDER)
    .filter((file) => file.endsWith('.mjs'))
    .map((file) => file.slice(0, -'.mjs'.length));
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await import(`../../tests/bench/${name}.mjs`)])),
  );
}

function list(all) {
  for (const [name, { about, options }] of Object.entries(all)) {
    say(`${name}: ${about}`);
    for (const [option, { default: usual, about: meaning }] of Object.entries(options)) {
      say(`  --${option.padEnd(12)} ${meaning} (${usual})`);
    }
  }
}

function read(args, options) {
  const known = Object.entries(options).map(([name, { default: usual }]) => [
    name,
    { type: /** @type {const} */ ('string'), default: usual },
  ]);
  try {
    return parseArgs({ args, options: Object.fromEntries(known) }).values;
  } catch (error) {
    throw new Failure(error.message, { next: 'npm run bench' });
  }
}

function save(suite, options, report) {
  const folder = path.join(ROOT, 'target', 'bench');
  const file = path.join(folder, `${suite}.json`);
  const machine = { cores: os.availableParallelism(), node: process.version, platform: process.platform };
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    file,
    `${JSON.stringify({ suite, date: new Date(), machine, options, ...report }, null, 2)}\n`,
  );
  return path.relative(ROOT, file);
}

endAllOnSignals();
await main(async () => {
  const [suite, ...args] = process.argv.slice(2);
  const all = await suites();
  if (suite === undefined) return list(all);
  if (!Object.hasOwn(all, suite)) {
    throw new Failure(`unknown suite ${suite}`, { next: `one of: ${Object.keys(all).join(', ')}` });
  }
  const options = read(args, all[suite].options);
  await setup();
  const report = await all[suite].run(options);
  say(`\n${comparison(report)}\n\nwritten to ${save(suite, options, report)}`);
});
