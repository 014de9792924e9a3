import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

export default defineConfig({
  // The page uses the package as it is built, as any app would.
  resolve: { alias: { 'eventcore-web': fileURLToPath(new URL('../dist/index.js', import.meta.url)) } },
  build: { target: 'es2022', assetsInlineLimit: 0 },
});
