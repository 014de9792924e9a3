// Packages as an app ships them: one file, a wasm module beside it.

import path from 'node:path';
import { ROOT } from '../../../js/tools/run.mjs';

/** Where they lie, and are served. */
const FOLDER = 'target/bench/bundle';

/** Bundles a file and what it imports; answers with its path on the site. @param {string} name @param {string} file */
export async function bundle(name, file) {
  const { build } = await import('vite');
  const { NODE_ENV } = process.env;
  await build({
    configFile: false,
    logLevel: 'error',
    root: path.dirname(file),
    base: './',
    build: {
      outDir: path.join(ROOT, FOLDER, name),
      emptyOutDir: true,
      target: 'esnext',
      modulePreload: false,
      assetsInlineLimit: 0,
      reportCompressedSize: false,
      rolldownOptions: {
        input: file,
        preserveEntrySignatures: 'strict',
        output: { entryFileNames: 'index.js' },
      },
    },
  });
  // The bundler sets it for the process.
  if (NODE_ENV === undefined) delete process.env.NODE_ENV;
  else process.env.NODE_ENV = NODE_ENV;
  return `/${FOLDER}/${name}/index.js`;
}
