// Takes the words out of a module's panics. On this target nobody hears them: a panic writes to a console that is not
// there and traps. But what would put them together, and all of the standard library's formatting with it, is a large
// part of a small module. What is left traps at once, and what only led there is taken away: functions trap too, and data,
// such as the tables of Unicode by which a character is shown, are blanked: zeros cost nothing after compression. So is
// where in which file a panic would be.

import { dataSegments, unreachable } from './linking.mjs';
import { FUNCTION_NAMES, leb, Reader, rewritten, SECTIONS, sections } from './wasm-binary.mjs';

/** Functions of the standard library that never return, by their names without the hash. */
const ENDS = [
  /^core::panicking::(assert_failed|panic)/,
  /^core::(option|result)::(expect|unwrap)_failed$/,
  /^core::cell::panic_already_/,
  /^core::(slice|str)::(\w+::)*\w+_fail(_rt)?$/,
  /^alloc::(alloc::handle_alloc_error|raw_vec::(capacity_overflow|handle_error))$/,
  /^std::alloc::rust_oom/,
  /^std::panicking::panic_handler/,
  /^std::thread::local::panic_access_error$/,
  /^__rustc::(rust_begin_unwind|rust_panic|__rust_start_panic|__rust_alloc_error_handler)$/,
];

/** A function's body: three bytes, no locals, `unreachable`, the end. */
const TRAP = Buffer.from([3, 0x00, 0x00, 0x0b]);

/** @param {Buffer} module with the names of its functions, and relocations. @returns {Buffer} without these. */
export function silencePanics(module) {
  const ends = new Set();
  for (const [number, name] of functionNames(module)) {
    const path = name.replace(/::h[0-9a-f]{16}$|\[[0-9a-f]{16}\]/g, '');
    if (ENDS.some((end) => end.test(path))) ends.add(number);
  }
  const { dead, unread } = unreachable(module, ends);
  const blanked = Buffer.from(module);
  for (const { start, end } of unread) blanked.fill(0, start, end);
  let number = importedFunctions(module);
  return rewritten(blanked, (id, reader) => {
    if (id === SECTIONS.custom) return /^(linking|reloc\..*)$/.test(reader.name()) ? [] : undefined;
    if (id === SECTIONS.data) return blankPlaces(reader);
    if (id !== SECTIONS.code) return undefined;
    const count = reader.number();
    const parts = [leb(count)];
    for (const last = number + count; number < last; number++) {
      const start = reader.at;
      reader.skip(reader.number());
      parts.push(ends.has(number) || dead.has(number) ? TRAP : reader.since(start));
    }
    return parts;
  });
}

/** The data, without the places in the source: each is an address and a length of a file's name, a line and a column. */
function blankPlaces(reader) {
  const content = Buffer.from(reader.bytes.subarray(reader.at, reader.end));
  const blanks = [];
  const segments = [...dataSegments(new Reader(content, 0, content.length))];
  const at = (address, length) => {
    const found = segments.find(
      (segment) => address >= segment.address && address + length <= segment.address + segment.length,
    );
    if (found === undefined) return undefined;
    const start = found.at + address - found.address;
    return content.subarray(start, start + length);
  };
  for (const { address, length } of segments) {
    for (let place = (address + 3) & ~3; place + PLACE <= address + length; place += 4) {
      const bytes = at(place, PLACE);
      const [start, size, line, column] = [0, 4, 8, 12].map((word) => bytes.readUInt32LE(word));
      if (size > LONGEST_PATH || line === 0 || line > 99_999 || column === 0 || column > 9_999) continue;
      const file = at(start, size);
      if (file && /^[\w/.-]+\.rs$/.test(file.toString('latin1'))) blanks.push(bytes, file);
    }
  }
  for (const bytes of blanks) bytes.fill(0);
  return [content];
}

/** Bytes of a place in memory: four numbers. */
const PLACE = 16;
/** Longer than any file's name: what says that it is so long is no place. */
const LONGEST_PATH = 512;

function importedFunctions(module) {
  for (const { id, reader } of sections(module))
    if (id === SECTIONS.imports) return reader.importedFunctions();
  return 0;
}

/** The number and the name of each function that has one. */
function* functionNames(module) {
  for (const { id, reader } of sections(module)) {
    if (id !== SECTIONS.custom || reader.name() !== 'name') continue;
    while (reader.at < reader.end) {
      const kind = reader.byte();
      const size = reader.number();
      const next = reader.at + size;
      if (kind === FUNCTION_NAMES) {
        for (let left = reader.number(); left > 0; left--) yield [reader.number(), reader.name()];
      }
      reader.at = next;
    }
  }
}
