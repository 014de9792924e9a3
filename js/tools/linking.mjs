// What nothing leads to in a module that was linked with `--emit-relocs`. Such a module says of each place that the linker
// has filled in which function or which data it leads to; by the same the linker decides what to leave out.

import { Failure } from './step.mjs';
import { Reader, SECTIONS, sections } from './wasm-binary.mjs';

const SYMBOL_TABLE = 8;
const KINDS = { function: 0, data: 1, section: 3 };
const FLAGS = { undefined: 0x10, exported: 0x20, explicitName: 0x40, kept: 0x80 };
const RELOCATIONS = {
  functionIndex: 0,
  type: 6,
  /** Those of addresses and of places in sections have an addend. */
  withAddend: new Set([3, 4, 5, 8, 9, 11, 14, 15, 16, 17, 21, 22, 23, 25]),
};

/**
 * Bytes of the module, from `start` to before `end`.
 * @typedef {{ start: number, end: number }} Span
 *
 * What a place may lead to: a function by its number, data by where they stand, or nothing of these.
 * @typedef {number | Span | undefined} Node
 */

/**
 * @param {Buffer} module
 * @param {Set<number>} ends functions, by number, that lead nowhere.
 * @returns {{ dead: Set<number>, unread: Span[] }} functions and data that nothing leads to.
 */
export function unreachable(module, ends) {
  const { exported, bodies, symbols, relocations } = linked(module);
  const data = symbols.filter(({ node }) => typeof node === 'object').map(({ node }) => node);
  const ahead = [...exported, ...symbols.filter(({ kept }) => kept).map(({ node }) => node)];
  const leads = new Map();
  for (const { at, symbol } of relocations) {
    const from = holders(at, bodies, data);
    if (from.length === 0) ahead.push(symbols[symbol].node);
    for (const node of from) {
      if (!leads.has(node)) leads.set(node, []);
      leads.get(node).push(symbols[symbol].node);
    }
  }
  const live = new Set();
  while (ahead.length > 0) {
    const node = ahead.pop();
    if (live.has(node)) continue;
    live.add(node);
    if (!ends.has(node)) ahead.push(...(leads.get(node) ?? []));
  }
  const read = data.filter((span) => live.has(span));
  return {
    dead: new Set(bodies.map(({ number }) => number).filter((number) => !live.has(number))),
    unread: data.filter((span) => !live.has(span)).flatMap((span) => without(span, read)),
  };
}

/** The function, or the data, in which a place stands. @returns {Node[]} */
function holders(at, bodies, data) {
  const within = ({ start, end }) => start <= at && at < end;
  if (at >= bodies[0].start && at < bodies.at(-1).end) {
    let [low, high] = [0, bodies.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (bodies[middle].start <= at) low = middle;
      else high = middle - 1;
    }
    return [bodies[low].number];
  }
  return data.filter(within);
}

/** What of a span is in none of others. @returns {Span[]} */
function without(span, others) {
  const cut = ({ start, end }, other) => [
    { start, end: Math.min(end, other.start) },
    { start: Math.max(start, other.end), end },
  ];
  let left = [span];
  for (const other of others)
    left = left.flatMap((part) => cut(part, other)).filter((part) => part.start < part.end);
  return left;
}

function linked(module) {
  const all = [...sections(module)];
  const contents = all.map(({ reader }) => reader.at);
  const of = (id) => all.find((section) => section.id === id)?.reader;
  const imported = of(SECTIONS.imports).importedFunctions();
  const bodies = [...functionBodies(of(SECTIONS.code), imported)];
  const segments = [...dataSegments(of(SECTIONS.data))];
  const [symbols, relocations] = [[], []];
  for (const { id, reader } of all) {
    const name = id === SECTIONS.custom ? reader.name() : '';
    if (name === 'linking') symbols.push(...symbolsIn(reader, segments));
    if (name === 'reloc.CODE' || name === 'reloc.DATA') relocations.push(...relocationsIn(reader, contents));
  }
  if (relocations.length === 0) throw new Failure('the module was linked without --emit-relocs');
  for (const { type, at, symbol } of relocations) {
    const called = type === RELOCATIONS.functionIndex ? new Reader(module, at, at + 5).number() : undefined;
    if (called !== undefined && called !== symbols[symbol].node)
      throw new Failure('the linker speaks of other places than it means: see js/tools/linking.mjs');
  }
  return { exported: exportedFunctions(of(SECTIONS.exports)), bodies, symbols, relocations };
}

function* functionBodies(reader, imported) {
  const count = reader.number();
  for (let number = imported; number < imported + count; number++) {
    const size = reader.number();
    yield { number, start: reader.at, end: reader.at + size };
    reader.skip(size);
  }
}

/** Where each segment's bytes stand. */
export function* dataSegments(reader) {
  for (let left = reader.number(); left > 0; left--) {
    const kind = reader.number();
    if (kind !== 0 || reader.byte() !== I32_CONST) throw new Failure('a segment of another kind');
    const address = reader.number();
    reader.skip(1);
    const length = reader.number();
    yield { address, length, at: reader.at };
    reader.skip(length);
  }
}

const I32_CONST = 0x41;

function exportedFunctions(reader) {
  const functions = [];
  for (let left = reader.number(); left > 0; left--) {
    reader.name();
    const kind = reader.byte();
    const number = reader.number();
    if (kind === KINDS.function) functions.push(number);
  }
  return functions;
}

/** @returns {Generator<{ node: Node, kept: boolean }>} */
function* symbolsIn(reader, segments) {
  reader.number();
  while (reader.at < reader.end) {
    const part = reader.byte();
    const size = reader.number();
    const next = reader.at + size;
    if (part === SYMBOL_TABLE)
      for (let left = reader.number(); left > 0; left--) yield symbol(reader, segments);
    reader.at = next;
  }
}

function symbol(reader, segments) {
  const kind = reader.byte();
  const flags = reader.number();
  const kept = (flags & (FLAGS.exported | FLAGS.kept)) !== 0;
  const defined = (flags & FLAGS.undefined) === 0;
  if (kind === KINDS.section) return { node: void reader.number(), kept };
  if (kind !== KINDS.data) {
    const number = reader.number();
    if (defined || (flags & FLAGS.explicitName) !== 0) reader.name();
    return { node: kind === KINDS.function ? number : undefined, kept };
  }
  reader.name();
  if (!defined) return { node: undefined, kept };
  const start = segments[reader.number()]?.at + reader.number();
  return { node: { start, end: start + reader.number() }, kept };
}

function* relocationsIn(reader, contents) {
  const content = contents[reader.number()];
  for (let left = reader.number(); left > 0; left--) {
    const type = reader.byte();
    const at = content + reader.number();
    const symbol = reader.number();
    if (RELOCATIONS.withAddend.has(type)) reader.number();
    if (type !== RELOCATIONS.type) yield { type, at, symbol };
  }
}
