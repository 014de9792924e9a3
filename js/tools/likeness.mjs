// Orders a module's functions so that those that are alike stand beside each other: what they share is nearer then, and
// smaller after compression. The order depends on the module alone.

import { FUNCTION_NAMES, leb, SECTIONS, section, sections, text } from './wasm-binary.mjs';

/** Bytes that are compared at once. */
const GRAM = 4;
/** What more functions than so many share says nothing about them. */
const COMMON = 1000;
/** So many functions before a place say what fits there, each by so much of what the next one counts. */
const BEFORE = 4;
const FADING = 0.8;

/**
 * The module with names of its functions, of which none had one: in the order of these they are to stand.
 *
 * @param {Buffer} module
 */
export function namedByLikeness(module) {
  const { imported, bodies } = functions(module);
  const names = new Map(chain(bodies).map((body, rank) => [body, `f${String(rank).padStart(6, '0')}`]));
  const entries = bodies.flatMap((_, body) => [leb(imported + body), text(names.get(body))]);
  const list = Buffer.concat([leb(bodies.length), ...entries]);
  const named = [text('name'), Buffer.from([FUNCTION_NAMES]), leb(list.length), list];
  return Buffer.concat([module, section(SECTIONS.custom, named)]);
}

function functions(module) {
  const bodies = [];
  let imported = 0;
  for (const { id, reader } of sections(module)) {
    if (id === SECTIONS.imports) imported = reader.importedFunctions();
    if (id !== SECTIONS.code) continue;
    for (let left = reader.number(); left > 0; left--) {
      const size = reader.number();
      const start = reader.at;
      reader.skip(size);
      bodies.push(reader.since(start));
    }
  }
  return { imported, bodies };
}

/** After each the one of those left that is most like it and the ones before it; where none is, the first. */
function chain(bodies) {
  const grams = bodies.map(gramsOf);
  const holders = new Map();
  for (const [body, those] of grams.entries()) {
    for (const gram of those) {
      if (!holders.has(gram)) holders.set(gram, []);
      holders.get(gram).push(body);
    }
  }
  const left = new Set(bodies.keys());
  const order = [];
  const last = [];
  for (let next = 0; left.size > 0; next = nearest(last, left) ?? left.values().next().value) {
    order.push(next);
    left.delete(next);
    last.unshift(likenesses(next, grams, holders));
    last.splice(BEFORE);
  }
  return order;
}

function gramsOf(body) {
  const grams = new Set();
  for (let at = 0; at + GRAM <= body.length; at++) grams.add(body.readUInt32LE(at));
  return grams;
}

/** How like others are to one: what both have, of what either has; what is rare counts for more. */
function likenesses(one, grams, holders) {
  const shared = new Map();
  for (const gram of grams[one]) {
    const those = holders.get(gram);
    if (those.length > COMMON) continue;
    const weight = 1 / Math.log2(1 + those.length);
    for (const other of those) shared.set(other, (shared.get(other) ?? 0) + weight);
  }
  for (const [other, both] of shared) shared.set(other, both / (grams[one].size + grams[other].size - both));
  return shared;
}

/** Which of those left is most like the last ones, of which the newer count for more. */
function nearest(last, left) {
  const sums = new Map();
  for (const [age, likeness] of last.entries()) {
    for (const [other, share] of likeness)
      if (left.has(other)) sums.set(other, (sums.get(other) ?? 0) + share * FADING ** age);
  }
  let [best, most] = [undefined, 0];
  for (const [other, sum] of sums) if (sum > most) [best, most] = [other, sum];
  return best;
}
