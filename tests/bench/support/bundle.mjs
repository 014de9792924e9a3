// This package as an app ships it: one file, the wasm module beside it.

import path from 'node:path';
import { ROOT } from '../../../js/tools/run.mjs';

/** Where it lies, and is served. */
const FOLDER = 'target/bench/bundle';

/** Bundles what was built; answers with its path on the site. */
export async function bundlePackage() {
  const { build } = await import('vite');
  const { NODE_ENV } = process.env;
  await build({
    configFile: false,
    logLevel: 'error',
    root: path.join(ROOT, 'dist'),
    base: './',
    build: {
      outDir: path.join(ROOT, FOLDER),
      emptyOutDir: true,
      target: 'esnext',
      modulePreload: false,
      assetsInlineLimit: 0,
      reportCompressedSize: false,
      rolldownOptions: {
        input: path.join(ROOT, 'dist', 'index.js'),
        preserveEntrySignatures: 'strict',
        output: { entryFileNames: 'eventcore-web.js' },
      },
    },
  });
  // The bundler sets it for the process.
  if (NODE_ENV === undefined) delete process.env.NODE_ENV;
  else process.env.NODE_ENV = NODE_ENV;
  return `/${FOLDER}/eventcore-web.js`;
}
