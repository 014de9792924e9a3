// Orders a module's functions so that those that are alike stand beside each other: what they share is nearer then, and
// smaller after compression. The order depends on the module alone.

import { leb, SECTIONS, section, sections, text } from './wasm-binary.mjs';

/** Bytes that are compared at once. */
const GRAM = 4;
/** What more functions than so many share says nothing about them. */
const COMMON = 400;

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
  const named = [text('name'), Buffer.from([FUNCTIONS]), leb(list.length), list];
  return Buffer.concat([module, section(SECTIONS.custom, named)]);
}

/** The part of the names that is of functions. */
const FUNCTIONS = 1;

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

/** After each the one of those left that is most like it; where none is, the first. */
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
  for (let next = 0; left.size > 0; ) {
    order.push(next);
    left.delete(next);
    next = nearest(next, { grams, holders, left }) ?? left.values().next().value;
  }
  return order;
}

function gramsOf(body) {
  const grams = new Set();
  for (let at = 0; at + GRAM <= body.length; at++) grams.add(body.readUInt32LE(at));
  return grams;
}

/** By what both have, of what either has; what is rare counts for more. */
function nearest(one, { grams, holders, left }) {
  const shared = new Map();
  for (const gram of grams[one]) {
    const those = holders.get(gram);
    if (those.length > COMMON) continue;
    const weight = 1 / Math.log2(1 + those.length);
    for (const other of those) if (left.has(other)) shared.set(other, (shared.get(other) ?? 0) + weight);
  }
  let [best, likeness] = [undefined, 0];
  for (const [other, both] of shared) {
    const share = both / (grams[one].size + grams[other].size - both);
    if (share > likeness) [best, likeness] = [other, share];
  }
  return best;
}
