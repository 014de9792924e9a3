// The endpoint as a `fetch` handler: HTTP in, the Rust handler's answer out.

import { abortable, type WaitOptions } from '../abort.js';
import { endpoint } from '../load/endpoint.js';
import { once } from '../load/once.js';
import type { HostAnswer } from '../wasm/endpoint/eventcore.js';
import { origins, stranger } from './cors.js';
import { follow, late, sooner } from './live.js';
import { type SqlClient, toHost } from './sql.js';

/** What a request needs to be allowed. */
export interface Access {
  space: string;
  right: 'read' | 'write';
}

/**
 * Whether a caller may; `unauthorized` is one that is not known, so that asking again with a token may help. `until`
 * is when the right ends, in milliseconds since 1970: streams end then. `retryAfterMs` sends a caller away that asks
 * too often.
 */
export type Authorization = boolean | 'unauthorized' | { until: number } | { retryAfterMs: number };

/** What an endpoint is made of. */
export interface SyncHandlerOptions {
  /** Where the events are kept: `fromPg(pool)`, `fromPGlite(db)`, or a client of your own. */
  sql: SqlClient;
  /**
   * Who may do what; asked before a request's body is read. Without it the handler answers only requests that were
   * addressed to loopback.
   */
  authorize?: (request: Request, access: Access) => Authorization | Promise<Authorization>;
  /** The PostgreSQL schema that holds the tables; `eventcore` without it. */
  schema?: string;
  /** Origins whose pages may use the endpoint beside its own, such as `https://app.example.com`, or `*`. */
  allowOrigin?: string | readonly string[];
  /** How long a request's body may take, in seconds; 30 without it. */
  bodyTimeout?: number;
}

/** Answers requests to `/v1/…`, `/healthz` and `/readyz`. */
export interface SyncHandler {
  (request: Request): Promise<Response>;
  /** Makes the tables or brings them up to date; without a call, the first request does it. */
  initialize(options?: WaitOptions): Promise<void>;
  /** Ends the streams of those who follow, so that their host can stop; they come back by themselves. */
  endStreams(): void;
}

/** Databases whose tables were found to be as they should: at the edge a handler lives for one request. */
const prepared = new Set<string | undefined>();

/** Makes a handler for any host that speaks `Request` and `Response`: Node, Deno, edge workers. */
export function createSyncHandler(options: SyncHandlerOptions): SyncHandler {
  const { sql, authorize, schema = 'eventcore', allowOrigin, bodyTimeout = 30 } = options;
  const cors = origins(allowOrigin);
  const streams = new Set<() => void>();
  const tables = sql.database && JSON.stringify([sql.database, schema]);
  const load = once(async () => {
    const { EndpointHost } = await endpoint.load();
    const forget = () => {
      host.initialized = false;
      prepared.delete(tables);
    };
    const host = new EndpointHost(toHost(sql, forget), schema, bodyTimeout);
    host.initialized = prepared.has(tables);
    return host;
  });

  const answer = async (request: Request): Promise<HostAnswer> => {
    const host = await load();
    const { pathname, search } = new URL(request.url);
    const other = authorize === undefined ? stranger(request) : undefined;
    if (other !== undefined) {
      return host.forbidden(`without authorize this endpoint answers on loopback only, not as ${other}`);
    }
    if (!cors.admits(request)) {
      return host.forbidden(
        `pages of ${request.headers.get('origin')} are not allowed here; see allowOrigin`,
      );
    }
    const said = await host.handle(
      request.method,
      pathname,
      search.slice(1),
      request.headers.get('eventcore-protocol') ?? undefined,
      request.headers.get('last-event-id') ?? undefined,
      authorize && ((space: string, right: Access['right']) => authorize(request, { space, right })),
      async () => {
        const body = await sooner(read(request, host.maxBodyBytes), bodyTimeout * 1_000);
        return body === late ? 'late' : body;
      },
    );
    if (host.initialized && tables !== undefined) prepared.add(tables);
    return said;
  };

  const handler = async (request: Request) => {
    const preflight = cors.preflight(request);
    if (preflight) return preflight;
    const said = await answer(request);
    try {
      const live = said.takeLive();
      const headers = { ...cors.headers(request), ...headersOf(said, live !== undefined) };
      const body = live === undefined ? said.body : follow(live, request.signal, streams);
      return new Response(body, { status: said.status, headers });
    } finally {
      said.free();
    }
  };
  return Object.assign(handler, {
    async initialize({ signal }: WaitOptions = {}) {
      signal?.throwIfAborted();
      await abortable(
        load().then((host) => host.initialize()),
        signal,
      );
    },
    endStreams() {
      for (const end of streams) end();
    },
  });
}

function headersOf(
  { status, protocol, allow, retryAfter }: HostAnswer,
  isLive: boolean,
): Record<string, string> {
  return {
    'content-type': isLive ? 'text/event-stream' : 'application/json',
    'cache-control': 'no-store',
    'eventcore-protocol': String(protocol),
    // Proxies that gather answers before they pass them on are asked not to.
    ...(isLive && { 'x-accel-buffering': 'no' }),
    ...(status === 401 && { 'www-authenticate': 'Bearer' }),
    ...(allow !== undefined && { allow }),
    ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
  };
}

/** The whole body, or its size where that is over the limit; never more than the limit is kept. */
async function read(request: Request, limit: number): Promise<Uint8Array | number | 'broken'> {
  const stated = Number(request.headers.get('content-length') ?? 0);
  if (stated > limit) return stated;
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
      size += chunk.length;
      if (size > limit) return size;
      chunks.push(chunk);
    }
  } catch {
    return 'broken';
  }
  const body = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}
