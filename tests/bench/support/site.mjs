// Serves a bench's pages on a free loopback port: this project's files as they are, packages by their names.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';
import { ROOT } from '../../../js/tools/run.mjs';

const TYPES = { '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm' };
const FOLDERS = /^\/(dist|node_modules|tests\/bench|target\/bench\/bundle)\//;

/** @param {Record<string, string>} imports Where each bare name lies, as an import map has it. */
export async function startBenchSite(imports) {
  const page = `<!doctype html><link rel="icon" href="data:,">
    <script type="importmap">${JSON.stringify({ imports })}</script>`;
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    // Isolated, so that clocks are fine and SQLite may share memory.
    response.setHeader('cross-origin-opener-policy', 'same-origin');
    response.setHeader('cross-origin-embedder-policy', 'require-corp');
    if (pathname === '/') return response.setHeader('content-type', 'text/html').end(page);
    try {
      if (!FOLDERS.test(pathname)) throw new Error('not served');
      const content = await readFile(path.join(ROOT, path.normalize(pathname)));
      const type = TYPES[path.extname(pathname)] ?? 'application/octet-stream';
      response.setHeader('content-type', type).end(content);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    url: `http://127.0.0.1:${port}/`,
    stop: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
