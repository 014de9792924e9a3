// What a module says of the features of WebAssembly that it was compiled for.

import { leb, rewritten, SECTIONS, text } from './wasm-binary.mjs';

const SECTION = 'target_features';

/** The same module, not said to be compiled for a feature. @param {Buffer} module */
export function withoutFeature(module, feature) {
  return rewritten(module, (id, reader) => {
    if (id !== SECTIONS.custom || reader.name() !== SECTION) return undefined;
    const features = [];
    for (let left = reader.number(); left > 0; left--) {
      const start = reader.at;
      reader.skip(1);
      if (reader.name() !== feature) features.push(reader.since(start));
    }
    return [text(SECTION), leb(features.length), ...features];
  });
}
