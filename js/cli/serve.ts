// `npm start`'s server: the endpoint and the page, on this machine.

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { createSyncHandler } from '../server/index.js';
import { openDatabase } from './database.js';
import { answer } from './http.js';
import { type Options, readOptions } from './options.js';
import { Problem, step } from './problem.js';
import { staticFiles } from './static.js';

const HOST = '127.0.0.1';
/** How long requests that are under way may take after a signal to stop. */
const GRACE_MS = 5_000;
const ENDPOINT = /^\/(v1\/|healthz$|readyz$|openapi\.json$)/;

type Handler = (request: Request) => Promise<Response>;

async function serve(options: Options): Promise<void> {
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
  await listen(server, options.port);
  const opened = await step('opened the database', () => openDatabase(options)).catch((error) => {
    server.close();
    throw error;
  });
  try {
    const sync = createSyncHandler({
      sql: opened.sql,
      schema: options.schema,
      allowOrigin: options.allowOrigin,
    });
    await step('prepared the endpoint', () => sync.initialize()).catch(explain);
    const page = staticFiles(fileURLToPath(new URL('../www', import.meta.url)));
    route = (request) => (ENDPOINT.test(new URL(request.url).pathname) ? sync(request) : page(request));
    console.log(`• events are kept in: ${opened.name}`);
    console.log(`\n  http://${HOST}:${(server.address() as AddressInfo).port}\n\nCtrl-C stops it.`);
    await stopped;
    await close(server);
  } finally {
    server.close();
    server.closeAllConnections();
    await opened.close();
  }
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, HOST);
  await once(server, 'listening').catch((error: NodeJS.ErrnoException) => {
    const problem = error.code === 'EADDRINUSE' ? 'something else listens there' : error.message;
    throw new Problem(
      `cannot listen on port ${port}: ${problem}\n  → stop it, or choose another: npm start -- --port 0`,
    );
  });
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

try {
  const options = readOptions(process.argv.slice(2), process.env);
  if (options) await serve(options);
} catch (error) {
  console.error(error instanceof Problem ? error.message : error);
  process.exitCode = error instanceof Problem ? error.exitCode : 1;
}
