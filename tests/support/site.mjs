// A site on a free loopback port: a blank page, and a folder of `dist`, as a browser wants them served.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';
import { ROOT } from '../../js/tools/run.mjs';

const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
};

/** Keeps what fails outside of every promise, for a test to ask. Its icon is stated, so that nobody asks for one. */
const BLANK = `<!doctype html><link rel="icon" href="data:,"><script>
  globalThis.faults = [];
  const said = (fault) => String(fault?.stack || fault?.message || fault);
  addEventListener('error', (event) => faults.push(said(event.error ?? event)));
  addEventListener('unhandledrejection', (event) => faults.push(said(event.reason)));
  console.error = (...words) => faults.push(words.map(said).join(' '));
</script>`;

/**
 * Serves a folder below `dist`, with a blank page at `/`, and scripts of a test by their paths.
 * @param {string} folder @param {Record<string, string>} [scripts]
 */
export async function startSite(folder, scripts = {}) {
  const top = path.join(ROOT, 'dist', folder);
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    if (pathname === '/') return response.setHeader('content-type', 'text/html').end(BLANK);
    try {
      const file = path.join(top, path.normalize(pathname));
      const content = scripts[pathname] ?? (await readFile(file));
      const type = TYPES[path.extname(file)] ?? 'application/octet-stream';
      response.setHeader('content-type', type).end(content);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const address = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    url: `http://127.0.0.1:${address.port}/`,
    stop: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
