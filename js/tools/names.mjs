// Shortens the names by which a wasm module and its glue know each other: they are long, end in a hash that no
// compression undoes, and stand in both. What the glue brings and the module, once optimized, no longer wants is left out.

/**
 * @param {Buffer} module
 * @returns {{ module: Buffer, rename: (text: string) => string }} `rename` does the same to the glue or its types.
 */
export function shortenNames(module) {
  const [imports, exports] = [new Map(), new Map()];
  const shortened = [module.subarray(0, 8)];
  for (let at = 8; at < module.length; ) {
    const reader = new Reader(module, at + 1);
    const size = reader.number();
    const end = reader.at + size;
    if (module[at] === IMPORTS) shortened.push(section(IMPORTS, renameImports(reader, imports)));
    else if (module[at] === EXPORTS) shortened.push(section(EXPORTS, renameExports(reader, exports)));
    else shortened.push(module.subarray(at, end));
    at = end;
  }
  const known = (names) => (whole, before, name, after) =>
    names.has(name) ? `${before}${names.get(name)}${after}` : whole;
  return {
    module: Buffer.concat(shortened),
    rename: (text) =>
      text
        .replace(IMPORT, (whole, name) => (imports.has(name) ? whole.replace(name, imports.get(name)) : ''))
        .replace(/(\bwasm\.)(\w+)()/g, known(exports))
        .replace(/^(export const )(\w+)(: )/gm, known(exports)),
  };
}

/** A function that the glue brings, as the generator writes it. */
const IMPORT = /^ {8}(\w+): function\([\s\S]*?\n {8}\}(?:, arguments\); \})?,\n/gm;
const IMPORTS = 2;
const EXPORTS = 7;
const KINDS = { function: 0, table: 1, memory: 2, global: 3 };

function renameImports(reader, names) {
  const parts = [];
  const count = reader.number();
  for (let number = 0; number < count; number++) {
    const [from, name] = [reader.name(), reader.name()];
    const start = reader.at;
    reader.importedType();
    parts.push(text(from), text(short(names, name)), reader.bytes.subarray(start, reader.at));
  }
  return [leb(count), ...parts];
}

function renameExports(reader, names) {
  const parts = [];
  const count = reader.number();
  for (let number = 0; number < count; number++) {
    const name = reader.name();
    const start = reader.at;
    reader.at += 1;
    reader.number();
    parts.push(text(short(names, name)), reader.bytes.subarray(start, reader.at));
  }
  return [leb(count), ...parts];
}

/** `$0`, `$1`, …: no other word in the glue is one of them. */
function short(names, name) {
  if (!names.has(name)) names.set(name, `$${names.size.toString(36)}`);
  return names.get(name);
}

class Reader {
  constructor(bytes, at) {
    this.bytes = bytes;
    this.at = at;
  }

  /** An unsigned LEB128. */
  number() {
    for (let [number, shift] = [0, 0]; ; shift += 7) {
      const byte = this.bytes[this.at++];
      number += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return number;
    }
  }

  name() {
    const length = this.number();
    this.at += length;
    return this.bytes.toString('utf8', this.at - length, this.at);
  }

  importedType() {
    const kind = this.bytes[this.at++];
    if (kind === KINDS.global) this.at += 2;
    else if (kind === KINDS.function) this.number();
    else {
      if (kind === KINDS.table) this.at += 1;
      const hasMaximum = this.bytes[this.at++] & 1;
      this.number();
      if (hasMaximum) this.number();
    }
  }
}

function section(id, parts) {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([id]), leb(content.length), content]);
}

function text(name) {
  const bytes = Buffer.from(name);
  return Buffer.concat([leb(bytes.length), bytes]);
}

function leb(number) {
  const bytes = [];
  for (let rest = number; ; rest >>>= 7) {
    if (rest < 0x80) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 0x7f) | 0x80);
  }
}
