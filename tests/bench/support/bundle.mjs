// Packages as an app ships them: one file, a wasm module beside it.

import path from 'node:path';
import { bundle as bundled } from '../../../js/tools/bundle.mjs';
import { ROOT } from '../../../js/tools/run.mjs';

/** Where they lie, and are served. */
const FOLDER = 'target/bench/bundle';

/** Bundles a file and what it imports; answers with its path on the site. @param {string} name @param {string} file */
export async function bundle(name, file) {
  await bundled(file, {
    base: './',
    build: {
      outDir: path.join(ROOT, FOLDER, name),
      emptyOutDir: true,
      rolldownOptions: { output: { entryFileNames: 'index.js' } },
    },
  });
  return `/${FOLDER}/${name}/index.js`;
}
