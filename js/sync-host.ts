// The world that a sync runs in: `fetch`, timers, chance, and the app.

import { sleep } from './live.js';
import type { SyncOptions, SyncStatus } from './sync-options.js';

/** The version of the protocol that this package speaks. */
const PROTOCOL = '1';

/** The longest that a request may take, in milliseconds. */
const TIMEOUT = 30_000;

/** What the module calls: see `SyncHost` in `src/wasm/sync.rs`. */
export interface SyncHost {
  request(
    method: string,
    path: string,
    body: string | undefined,
  ): Promise<{ status: number; body: string; retryAfterMs?: number }>;
  sleep(ms: number): Promise<void>;
  random(): number;
  status(json: string): void;
  resolve(conflict: string): Promise<string>;
}

interface App {
  status(status: SyncStatus): void;
  /** Answers with the resolution as JSON. */
  resolve(conflict: unknown): Promise<string>;
}

export function createHost<M extends object>(
  options: SyncOptions<M>,
  signal: AbortSignal,
  app: App,
): SyncHost & { open(path: string, signal: AbortSignal): Promise<Response> } {
  const base = String(options.url).replace(/\/+$/, '');
  const call = options.fetch ?? globalThis.fetch.bind(globalThis);
  const attempt = async (path: string, request: RequestInit, rejected: boolean) => {
    const { token } = options;
    const bearer = typeof token === 'function' ? await token({ rejected }) : token;
    const headers = {
      'eventcore-protocol': PROTOCOL,
      ...(request.headers as Record<string, string>),
      ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
    };
    return call(base + path, { ...request, headers, cache: 'no-store' });
  };
  /** A token that was refused is asked for once more; what is answered then counts. */
  const send = async (path: string, request: RequestInit): Promise<Response> => {
    const response = await attempt(path, request, false);
    if (response.status !== 401 || typeof options.token !== 'function') return response;
    await response.body?.cancel();
    return attempt(path, request, true);
  };
  return {
    async request(method, path, body) {
      const headers: Record<string, string> = { accept: 'application/json' };
      if (body !== undefined) headers['content-type'] = 'application/json';
      const timeout = new AbortController();
      const alarm = setTimeout(() => timeout.abort(new Error('the endpoint took too long')), TIMEOUT);
      const stop = () => timeout.abort(signal.reason);
      signal.addEventListener('abort', stop);
      try {
        const response = await send(path, {
          method,
          headers,
          ...(body !== undefined && { body }),
          signal: timeout.signal,
        });
        const retryAfterMs = retryAfter(response.headers.get('retry-after'));
        return {
          status: response.status,
          body: await response.text(),
          ...(retryAfterMs !== undefined && { retryAfterMs }),
        };
      } finally {
        clearTimeout(alarm);
        signal.removeEventListener('abort', stop);
      }
    },
    open: (path, signal) => send(path, { headers: { accept: 'text/event-stream' }, signal }),
    sleep: (ms) => sleep(ms, signal),
    random: () => Math.random(),
    status: (json) => app.status(JSON.parse(json) as SyncStatus),
    resolve: (conflict) => app.resolve(JSON.parse(conflict)),
  };
}

/** `Retry-After` is a number of seconds or a date. */
function retryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  const ms = /^\d+$/.test(value.trim()) ? Number(value) * 1_000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}
