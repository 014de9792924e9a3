// Bundles a module as an app does.

import path from 'node:path';

/**
 * @param {string} file
 * @param {import('vite').InlineConfig} options Vite's, over what every bundle here has.
 */
export async function bundle(file, { build: output = {}, ...options }) {
  // Loaded when needed: the other tools work without it.
  const { build } = await import('vite');
  const { NODE_ENV } = process.env;
  try {
    return await build({
      configFile: false,
      logLevel: 'error',
      root: path.dirname(file),
      ...options,
      build: {
        target: 'esnext',
        modulePreload: false,
        assetsInlineLimit: 0,
        reportCompressedSize: false,
        ...output,
        rolldownOptions: { input: file, preserveEntrySignatures: 'strict', ...output.rolldownOptions },
      },
    });
  } finally {
    // The bundler sets it for the process, and npm leaves out what tests need where it says `production`.
    if (NODE_ENV === undefined) delete process.env.NODE_ENV;
    else process.env.NODE_ENV = NODE_ENV;
  }
}
