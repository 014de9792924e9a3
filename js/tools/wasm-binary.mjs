// The binary form of a wasm module, as far as the tools read and write it.

export const SECTIONS = { custom: 0, imports: 2, exports: 7, code: 10, data: 11 };
const KINDS = { function: 0, table: 1, memory: 2, global: 3 };
const HEADER = 8;
/** The part of the section of names that is of functions. */
export const FUNCTION_NAMES = 1;

/**
 * A module with some of its sections written anew: `rewrite` answers with a section's content in parts, of which there may
 * be none where it is left out, or with nothing where it stays as it is.
 *
 * @param {Buffer} module
 * @param {(id: number, reader: Reader) => Buffer[] | undefined} rewrite
 */
export function rewritten(module, rewrite) {
  const parts = [module.subarray(0, HEADER)];
  for (const { id, start, reader } of sections(module)) {
    const content = rewrite(id, reader);
    if (content === undefined) parts.push(module.subarray(start, reader.end));
    else if (content.length > 0) parts.push(section(id, content));
  }
  return Buffer.concat(parts);
}

/** Every section with where it starts, and a reader of its content. @param {Buffer} module */
export function* sections(module) {
  for (let start = HEADER; start < module.length; ) {
    const header = new Reader(module, start + 1, module.length);
    const size = header.number();
    const reader = new Reader(module, header.at, header.at + size);
    yield { id: module[start], start, reader };
    start = reader.end;
  }
}

/** Reads on from `at`; `end` is where what is read ends. */
export class Reader {
  constructor(bytes, at, end) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  byte() {
    return this.bytes[this.at++];
  }

  /** An unsigned LEB128. */
  number() {
    for (let [number, shift] = [0, 0]; ; shift += 7) {
      const byte = this.byte();
      number += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return number;
    }
  }

  skip(bytes) {
    this.at += bytes;
  }

  name() {
    const length = this.number();
    this.at += length;
    return this.bytes.toString('utf8', this.at - length, this.at);
  }

  /** Skips the type of an import; answers whether it is a function. */
  importedType() {
    const kind = this.byte();
    if (kind === KINDS.global) this.at += 2;
    else if (kind === KINDS.function) this.number();
    else {
      if (kind === KINDS.table) this.at += 1;
      const hasMaximum = this.byte() & 1;
      this.number();
      if (hasMaximum) this.number();
    }
    return kind === KINDS.function;
  }

  /** The number of functions among the imports, where those begin. */
  importedFunctions() {
    let functions = 0;
    for (let left = this.number(); left > 0; left--) {
      this.name();
      this.name();
      if (this.importedType()) functions += 1;
    }
    return functions;
  }

  since(start) {
    return this.bytes.subarray(start, this.at);
  }
}

export function section(id, parts) {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([id]), leb(content.length), content]);
}

/** A name as it stands in a module. */
export function text(name) {
  const bytes = Buffer.from(name);
  return Buffer.concat([leb(bytes.length), bytes]);
}

/** An unsigned LEB128. */
export function leb(number) {
  const bytes = [];
  for (let rest = number; ; rest >>>= 7) {
    if (rest < 0x80) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 0x7f) | 0x80);
  }
}
