// A site on a free loopback port: a blank page, and a folder of `dist`, as a browser wants them served.

import { EventEmitter, once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';
import { text } from 'node:stream/consumers';
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
 * Serves a folder below `dist`, with a blank page at `/`, and scripts of a test by their paths. What a page posts
 * to it is `heard`.
 * @param {string} folder @param {Record<string, string>} [scripts]
 */
export async function startSite(folder, scripts = {}) {
  const top = path.join(ROOT, 'dist', folder);
  /** @type {string[]} */
  const heard = [];
  const told = new EventEmitter();
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    if (pathname === '/') return response.setHeader('content-type', 'text/html').end(BLANK);
    try {
      if (request.method === 'POST') {
        heard.push(await text(request));
        told.emit('post');
        return response.writeHead(204).end();
      }
      const file = path.join(top, path.normalize(pathname));
      const content = scripts[pathname] ?? (await readFile(file));
      const type = TYPES[path.extname(file)] ?? 'application/octet-stream';
      // A frame without an origin of its own may load it, too.
      response.setHeader('access-control-allow-origin', '*');
      response.setHeader('content-type', type).end(content);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const address = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    url: `http://127.0.0.1:${address.port}/`,
    heard,
    /** Waits until so much was heard. @param {number} count */
    async hears(count) {
      while (heard.length < count) await once(told, 'post');
    },
    stop: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
