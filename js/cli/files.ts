// The page: files below one folder, and nothing else.

import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';

const TYPES: Record<string, string> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2',
};

/** A bundler's file, such as `index-B8fz2kQ1.js`: its content never changes under its name. */
const HASHED = /[-.][\w-]{8,}\.\w+$/;

/** Serves the files of a folder. */
export function staticFiles(root: string): (request: Request) => Promise<Response> {
  return async (request) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return plain(405, 'This path takes GET', { allow: 'GET, HEAD' });
    }
    const file = await find(root, new URL(request.url).pathname);
    if (file === undefined) return plain(404, 'There is nothing at this path');
    const { mtimeMs, size } = await stat(file);
    const etag = `"${size.toString(36)}-${Math.trunc(mtimeMs).toString(36)}"`;
    const isAsset = file.includes(`${path.sep}assets${path.sep}`) && HASHED.test(file);
    const headers = {
      etag,
      'cache-control': isAsset ? 'public, max-age=31536000, immutable' : 'no-cache',
      'x-content-type-options': 'nosniff',
    };
    if (request.headers.get('if-none-match') === etag) return new Response(null, { status: 304, headers });
    return new Response(new Uint8Array(await readFile(file)), {
      headers: { ...headers, 'content-type': TYPES[path.extname(file)] ?? 'application/octet-stream' },
    });
  };
}

/** The file that a path names; none where it is no file, or outside the folder. */
async function find(root: string, pathname: string): Promise<string | undefined> {
  let decoded: string;
  try {
    decoded = decodeURIComponent(pathname);
  } catch {
    return undefined;
  }
  const file = path.join(root, decoded.endsWith('/') ? `${decoded}index.html` : decoded);
  if (decoded.includes('\0') || !file.startsWith(root + path.sep)) return undefined;
  return (await stat(file).catch(() => undefined))?.isFile() ? file : undefined;
}

function plain(status: number, text: string, headers: Record<string, string> = {}): Response {
  return new Response(`${text}\n`, {
    status,
    headers: { ...headers, 'content-type': 'text/plain; charset=utf-8' },
  });
}
