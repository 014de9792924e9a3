// Stamps: what a result was made of, by content, so that work is repeated when that changes and only then.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from './run.mjs';

/**
 * The digest of files and folders (paths from the top; missing ones count as missing) and of plain texts.
 * @param {string[]} inputs @param {string[]} [texts]
 */
export function digest(inputs, texts = []) {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(`${text}\0`);
  for (const input of inputs) {
    for (const file of files(input)) {
      const content = readFileSync(path.join(ROOT, file));
      hash.update(`${file}\0${content.length}\0`).update(content);
    }
  }
  return hash.digest('hex');
}

/** Whether `stamp` holds `key` and everything that was made then is still there. */
export function fresh(stamp, key, outputs = []) {
  const place = path.join(ROOT, stamp);
  return (
    existsSync(place) &&
    readFileSync(place, 'utf8') === key &&
    outputs.every((output) => existsSync(path.join(ROOT, output)))
  );
}

/** To be called before the work begins, so that a half-made result never looks finished. */
export function unstamp(stamp) {
  rmSync(path.join(ROOT, stamp), { force: true });
}

export function writeStamp(stamp, key) {
  const place = path.join(ROOT, stamp);
  mkdirSync(path.dirname(place), { recursive: true });
  writeFileSync(place, key);
}

/** The files at or below a path, as paths from the top with forward slashes, in a stable order. */
export function files(input) {
  const entries = listing(path.join(ROOT, input));
  if (entries === null) return existsSync(path.join(ROOT, input)) ? [input] : [];
  return entries
    .filter((entry) => entry.name !== 'node_modules')
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const below = `${input}/${entry.name}`;
      return entry.isDirectory() ? files(below) : [below];
    });
}

function listing(folder) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return null;
  }
}
