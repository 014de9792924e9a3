// Shortens the names by which a wasm module and its glue know each other: they are long, end in a hash that no
// compression undoes, and stand in both. What the glue brings and the module, once optimized, no longer wants is left out.

import { leb, rewritten, SECTIONS, text } from './wasm-binary.mjs';

/**
 * @param {Buffer} module
 * @returns {{ module: Buffer, rename: (text: string) => string }} `rename` does the same to the glue or its types.
 */
export function shortenNames(module) {
  const [imports, exports] = [new Map(), new Map()];
  const shortened = rewritten(module, (id, reader) => {
    if (id === SECTIONS.imports) return renameImports(reader, imports);
    if (id === SECTIONS.exports) return renameExports(reader, exports);
    return undefined;
  });
  const known = (names) => (whole, before, name, after) =>
    names.has(name) ? `${before}${names.get(name)}${after}` : whole;
  return {
    module: shortened,
    rename: (text) =>
      text
        .replace(IMPORT, (whole, name) => (imports.has(name) ? whole.replace(name, imports.get(name)) : ''))
        .replace(/(\bwasm\.)(\w+)()/g, known(exports))
        .replace(/^(export const )(\w+)(: )/gm, known(exports)),
  };
}

/** A function that the glue brings, as the generator writes it. */
const IMPORT = /^ {8}(\w+): function\([\s\S]*?\n {8}\}(?:, arguments\); \})?,\n/gm;

function renameImports(reader, names) {
  const parts = [];
  const count = reader.number();
  for (let number = 0; number < count; number++) {
    const [from, name] = [reader.name(), reader.name()];
    const start = reader.at;
    reader.importedType();
    parts.push(text(from), text(short(names, name)), reader.since(start));
  }
  return [leb(count), ...parts];
}

function renameExports(reader, names) {
  const parts = [];
  const count = reader.number();
  for (let number = 0; number < count; number++) {
    const name = reader.name();
    const start = reader.at;
    reader.byte();
    reader.number();
    parts.push(text(short(names, name)), reader.since(start));
  }
  return [leb(count), ...parts];
}

/** `$0`, `$1`, …: no other word in the glue is one of them. */
function short(names, name) {
  if (!names.has(name)) names.set(name, `$${names.size.toString(36)}`);
  return names.get(name);
}
