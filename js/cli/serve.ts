// `eventcore-web serve`: the endpoint, and the files of a folder where one is named.

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { createSyncHandler } from '../server/index.js';
import { openDatabase } from './database.js';
import { staticFiles } from './files.js';
import { answer } from './http.js';
import type { Options } from './options.js';
import { Problem, step } from './problem.js';
import { authorizeBy, isLoopback } from './tokens.js';

/** How long requests that are under way may take after a signal to stop. */
const GRACE_MS = 5_000;
const ENDPOINT = /^\/(v1\/|healthz$|readyz$|openapi\.json$)/;

type Handler = (request: Request) => Promise<Response>;

/** Serves until the process is told to stop, and then finishes the requests that are under way. @throws {Problem} */
export async function serve(options: Options): Promise<void> {
  const { host, port, tokens } = options;
  if (tokens === undefined && !isLoopback(host)) {
    throw new Problem(
      `cannot listen on ${host}: without a key to verify tokens with, every space would be given to whoever asks\n` +
        '  → state one (--jwt-jwks, --jwt-key-file, --jwt-secret-file), or listen on 127.0.0.1',
    );
  }
  const authorize = tokens && (await authorizeBy(tokens));
  const stopped = nextSignal();
  // First the port: opening a database that is then not needed may take seconds.
  let route: Handler = async () =>
    new Response('Starting\n', { status: 503, headers: { 'retry-after': '1' } });
  const server = createServer((incoming, outgoing) => {
    answer(incoming, outgoing, (request) => route(request)).catch((error) => {
      // The caller went away, or there is a fault here; either way there is nobody to tell but the log.
      if (!outgoing.destroyed) console.error(error);
      outgoing.destroy();
    });
  });
  await listen(server, port, host);
  const opened = await step('opened the database', () => openDatabase(options)).catch((error) => {
    server.close();
    throw error;
  });
  try {
    const sync = createSyncHandler({
      sql: opened.sql,
      schema: options.schema,
      allowOrigin: options.allowOrigin,
      ...(authorize && { authorize }),
    });
    await step('prepared the endpoint', () => sync.initialize()).catch(explain);
    const page = options.staticFolder === undefined ? sync : staticFiles(path.resolve(options.staticFolder));
    route = (request) => (ENDPOINT.test(new URL(request.url).pathname) ? sync(request) : page(request));
    console.log(`• events are kept in: ${opened.name}`);
    console.log(`\n  ${addressOf(server)}\n\nCtrl-C stops it.`);
    await stopped;
    sync.endStreams();
    await close(server);
  } finally {
    server.close();
    server.closeAllConnections();
    await opened.close();
  }
}

async function listen(server: Server, port: number, host: string): Promise<void> {
  server.listen(port, host.replace(/^\[(.*)\]$/, '$1'));
  await once(server, 'listening').catch((error: NodeJS.ErrnoException) => {
    const problem = error.code === 'EADDRINUSE' ? 'something else listens there' : error.message;
    throw new Problem(
      `cannot listen on port ${port} of ${host}: ${problem}\n  → stop it, or choose another with --port`,
    );
  });
}

function addressOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}

/** Finishes the requests that are under way. */
async function close(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const late = setTimeout(() => server.closeAllConnections(), GRACE_MS);
  await closed;
  clearTimeout(late);
}

function nextSignal(): Promise<unknown> {
  return Promise.race(['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => once(process, signal)));
}

/** What the endpoint throws has a code, and a message for people. */
function explain(error: unknown): never {
  const { code, message } = error as { code?: string; message?: string };
  throw code === undefined ? error : new Problem(`${message} (${code})`);
}
