// The world that a sync runs in: `fetch`, timers, chance, and the app.

import type { SyncOptions, SyncStatus } from './sync.js';

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
): SyncHost {
  const base = String(options.url).replace(/\/+$/, '');
  const call = options.fetch ?? globalThis.fetch.bind(globalThis);
  return {
    async request(method, path, body) {
      const headers: Record<string, string> = { accept: 'application/json', 'eventcore-protocol': PROTOCOL };
      const token = typeof options.token === 'function' ? await options.token() : options.token;
      if (token !== undefined) headers.authorization = `Bearer ${token}`;
      if (body !== undefined) headers['content-type'] = 'application/json';
      const timeout = new AbortController();
      const alarm = setTimeout(() => timeout.abort(new Error('the endpoint took too long')), TIMEOUT);
      const stop = () => timeout.abort(signal.reason);
      signal.addEventListener('abort', stop);
      try {
        const response = await call(base + path, {
          method,
          headers,
          ...(body !== undefined && { body }),
          signal: timeout.signal,
          cache: 'no-store',
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
    sleep: (ms) =>
      new Promise((resolve) => {
        const timer = setTimeout(done, ms);
        // Timers keep Node alive; a sync that waits should not.
        if (typeof timer === 'object') timer.unref?.();
        function done() {
          clearTimeout(timer);
          signal.removeEventListener('abort', done);
          resolve();
        }
        signal.addEventListener('abort', done);
      }),
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
