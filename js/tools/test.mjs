// `npm test [-- suite …]`: runs the suites, goes on after a failing one, and sums up. `--list` names them.

import { endAllOnSignals } from './run.mjs';
import { setup } from './setup.mjs';
import { Failure, main, passOn, say, seconds } from './step.mjs';
import { explain, SUITES } from './suites.mjs';

/** @typedef {import('./suites.mjs').Counts & { name: string, time: string, verdict: string }} Result */

/** @returns {Promise<Result>} */
async function runSuite(name) {
  say(`\n━━ ${name}: ${SUITES[name].about}\n`);
  const began = performance.now();
  let counts;
  try {
    counts = await SUITES[name].run();
  } catch (error) {
    passOn(`${explain(error)}\n`);
    counts = { passed: 0, failed: 1, skipped: 0 };
  }
  const { passed, failed, skipped } = counts;
  // A line that programs read: the name, then the counts, and nothing else.
  say(`\n${name}: ${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  return { name, ...counts, time: seconds(performance.now() - began), verdict: judge(counts) };
}

/** A suite that ran nothing has shown nothing. */
function judge({ passed, failed }) {
  if (failed > 0) return 'FAILED';
  return passed > 0 ? 'ok' : 'NO TESTS';
}

/** @param {Result[]} results */
function table(results) {
  const head = ['suite', 'passed', 'failed', 'skipped', 'time', ''];
  const rows = results.map((r) => [r.name, r.passed, r.failed, r.skipped, r.time, r.verdict].map(String));
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column].length)),
  );
  const line = (row) =>
    row
      .map((cell, column) =>
        column === 0 || column === 5 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]),
      )
      .join('  ')
      .trimEnd();
  return [head, ...rows].map(line).join('\n');
}

function chosen(args) {
  const unknown = args.filter((name) => !Object.hasOwn(SUITES, name));
  if (unknown.length > 0) {
    throw new Failure(`unknown suite ${unknown.join(', ')}`, {
      next: `one of: ${Object.keys(SUITES).join(', ')}`,
    });
  }
  return Object.keys(SUITES).filter((name) => args.length === 0 || args.includes(name));
}

endAllOnSignals();
await main(async () => {
  const args = process.argv.slice(2);
  if (args.includes('--list')) {
    for (const [name, { about }] of Object.entries(SUITES)) say(`${name.padEnd(8)} ${about}`);
    return 0;
  }
  const names = chosen(args);
  const began = performance.now();
  await setup();
  const results = [];
  for (const name of names) results.push(await runSuite(name));
  say(`\n━━ summary, ${seconds(performance.now() - began)}\n\n${table(results)}`);
  return results.every(({ verdict }) => verdict === 'ok') ? 0 : 1;
});
