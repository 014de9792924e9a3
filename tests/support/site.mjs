// A site on a free loopback port: a blank page, and the wasm module for tests, as a browser wants them served.

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

/** Its icon is stated, so that no browser asks for one. */
const BLANK = '<!doctype html><link rel="icon" href="data:,">';

/**
 * Serves a folder below `dist`, with a blank page at `/`.
 * @param {string} folder
 */
export async function startSite(folder) {
  const top = path.join(ROOT, 'dist', folder);
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    if (pathname === '/') return response.setHeader('content-type', 'text/html').end(BLANK);
    try {
      const file = path.join(top, path.normalize(pathname));
      const content = await readFile(file);
      response
        .setHeader('content-type', TYPES[path.extname(file)] ?? 'application/octet-stream')
        .end(content);
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
