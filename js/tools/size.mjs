// `npm run size`: what each entry of the package weighs in a browser, beside its budget; fails over one.
// `npm run size -- --peers`: what else keeps data in a browser, weighed the same way.
//
// Measured as an app ships it: bundled by Vite, minified, after brotli; JavaScript and wasm together.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { build } from './build.mjs';
import { bundle } from './bundle.mjs';
import { peers } from './peers.mjs';
import { endAllOnSignals, isMain, ROOT } from './run.mjs';
import { Failure, main, say } from './step.mjs';

/**
 * In bytes after brotli. A budget holds what was reached and goes down only; the target is where it shall go.
 * @type {Record<string, { budget: number, target?: number }>}
 */
const BUDGETS = {
  '.': { budget: 153_300, target: 60_000 },
  './server': { budget: 157_500 },
  './testing': { budget: 5_000 },
  // The module as base64, for where it cannot be a file: brotli does not undo that.
  './wasm/inline': { budget: 166_300 },
};

/**
 * @typedef {{ minified: number, brotli: number }} Weight
 * @typedef {Weight & { entry: string, budget: number, target?: number }} Entry
 */

/** What every entry weighs; one without a budget of its own has the client's. @returns {Promise<Entry[]>} */
export async function weighEntries() {
  await build(['ts']);
  const { exports } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
  const entries = Object.entries(exports).flatMap(([entry, target]) => {
    const file = typeof target === 'string' ? target : target.default;
    return typeof file === 'string' && /\.(js|wasm)$/.test(file) ? [{ entry, file }] : [];
  });
  const weighed = [];
  for (const { entry, file } of entries) {
    const place = path.join(ROOT, file);
    const weight = file.endsWith('.wasm') ? weigh([readFileSync(place)]) : await weighModule(place);
    weighed.push({ entry, ...(BUDGETS[entry] ?? BUDGETS['.']), ...weight });
  }
  return weighed;
}

/** The entries beside their budgets, as a table. @param {Entry[]} entries */
export function table(entries) {
  const rows = entries.map(({ entry, minified, brotli, budget, target }) => [
    entry,
    ...[minified, brotli, budget, target].map((size) => (size === undefined ? '' : kilobytes(size))),
  ]);
  return columns(['entry', 'minified', 'brotli', 'budget', 'target'], rows);
}

/** What an app bundles of each peer, as a table. */
async function weighPeers() {
  const rows = [];
  for (const { name, file, workers } of await peers()) {
    const { minified, brotli } = await weighModule(file, { whole: true, workers });
    rows.push([name, kilobytes(minified), kilobytes(brotli)]);
  }
  return columns(['package', 'minified', 'brotli'], rows);
}

function columns(head, rows) {
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at].length)));
  const line = (row) =>
    row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]) : cell.padStart(widths[at]))).join('  ');
  return [head, ...rows].map((row) => line(row).trimEnd()).join('\n');
}

/** Throws where an entry is over its budget. @param {Entry} entry */
export function hold({ entry, brotli, budget }) {
  if (brotli <= budget) return;
  throw new Failure(`${entry} is ${kilobytes(brotli)} after brotli, its budget ${kilobytes(budget)}`, {
    next: 'ARCHITECTURE.md, "Size", says what keeps it small',
  });
}

/**
 * What a module weighs with all that it loads at once; `whole` with the packages that it imports, which else an app
 * brings itself (`pg`, React); `workers` where it starts its workers at once.
 */
export async function weighModule(file, { whole = false, workers = false } = {}) {
  const result = await bundle(file, {
    worker: { format: 'es' },
    build: {
      write: false,
      minify: true,
      rolldownOptions: {
        external: (id) => !whole && /^[a-z@]/i.test(id) && !path.isAbsolute(id),
      },
    },
  });
  const { output } = Array.isArray(result) ? result[0] : result;
  return weigh([...loadedAtOnce(output, workers ? /\.(wasm|js)$/ : /\.wasm$/)]);
}

/** The entry's chunk, what it imports, and files of these names beside them; not what is imported when it is needed. */
function* loadedAtOnce(output, names) {
  const chunks = new Map(output.map((part) => [part.fileName, part]));
  const wanted = new Set(output.filter((part) => part.isEntry).map((part) => part.fileName));
  for (const name of wanted) {
    const chunk = chunks.get(name);
    if (chunk === undefined) continue;
    yield Buffer.from(chunk.code);
    for (const imported of chunk.imports) wanted.add(imported);
  }
  for (const part of output) {
    if (part.type === 'asset' && names.test(part.fileName)) yield Buffer.from(part.source);
  }
}

/** @param {Buffer[]} files @returns {Weight} */
function weigh(files) {
  const sum = (size) => files.reduce((total, file) => total + size(file), 0);
  return { minified: sum((file) => file.length), brotli: sum((file) => brotliCompressSync(file).length) };
}

function kilobytes(bytes) {
  return `${(bytes / 1000).toFixed(1)} kB`;
}

if (isMain(import.meta.url)) {
  endAllOnSignals();
  await main(async () => {
    if (process.argv.includes('--peers')) return say(await weighPeers());
    const entries = await weighEntries();
    say(table(entries));
    for (const entry of entries) hold(entry);
  });
}
