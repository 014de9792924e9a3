// Sync towards the app: a status to show, conflicts to resolve.

/// <reference lib="esnext.disposable" preserve="true" />

import { errorOf, rethrown, type StreamConflict } from './errors.js';
import type { AnyEvents, Batch, EventToWrite, StoredEvent } from './events.js';
import { createHost } from './sync-host.js';
import type { LocalStore, SyncHandle } from './wasm/client/eventcore.js';

/** What a sync is doing. */
export type SyncState = 'idle' | 'pulling' | 'pushing' | 'conflicted' | 'offline' | 'stopped';

/** A sync at one moment. */
export interface SyncStatus {
  state: SyncState;
  /** Commits that wait in the outbox, and the events in them. */
  pendingCommits: number;
  pendingEvents: number;
  /** The position up to which the local log is confirmed. */
  confirmed: number;
  /** The endpoint's last position, as far as it is known. */
  head: number;
  /** What went wrong last; `null` once it went well again. */
  lastError: { code: string; message: string } | null;
  /** Milliseconds until the next try, while waiting for one after an error. */
  nextRetryMs: number | null;
}

/** A commit that the endpoint did not take, with what is needed to decide what becomes of it. */
export interface Conflict<M extends object = AnyEvents> {
  commitId: string;
  /** The streams that are not as it expects; empty where it was rejected for another reason. */
  streams: StreamConflict[];
  /** That other reason. */
  rejected: { code: string; message: string } | null;
  /** What others wrote to these streams since, in feed order. */
  remoteEvents: StoredEvent<M>[];
  /** What the commit wants to write. */
  localEvents: StoredEvent<M>[];
}

/**
 * What becomes of it: the same events on top of the versions that are there now, other events in its place,
 * nothing, or it is kept and waits, and what came after it with it.
 */
export type Resolution<M extends object = AnyEvents> =
  | 'rebase'
  | 'drop'
  | 'park'
  | { replace: readonly EventToWrite<M>[] | Batch<M> };

/** How a store is synced. */
export interface SyncOptions<M extends object = AnyEvents> {
  /** The endpoint's address, such as `https://events.example.com`. */
  url: string | URL;
  /** The space: a user, a team, a document. A store is a replica of one. */
  space: string;
  /** The bearer token, or where to get it; asked before each request. */
  token?: string | (() => string | Promise<string>);
  /** How often to look for what others wrote, in milliseconds; 5,000 without it. */
  pollInterval?: number;
  /** Decides about a conflict; without it, or where it throws, the commit is parked. */
  onConflict?: (conflict: Conflict<M>) => Resolution<M> | Promise<Resolution<M>>;
  /** Used in place of the global `fetch`. */
  fetch?: typeof globalThis.fetch;
}

interface Codec<M extends object> {
  encode(events: readonly EventToWrite<M>[] | Batch<M>): string | Promise<string>;
  decode(event: StoredEvent<M>): StoredEvent<M>;
}

const FRESH: SyncStatus = {
  state: 'idle',
  pendingCommits: 0,
  pendingEvents: 0,
  confirmed: 0,
  head: 0,
  lastError: null,
  nextRetryMs: null,
};

/** A sync of a store; it runs from the start. */
export class Sync<M extends object = AnyEvents> implements Disposable {
  readonly #handle: SyncHandle;
  readonly #codec: Codec<M>;
  readonly #listeners = new Set<(status: SyncStatus) => void>();
  readonly #abort = new AbortController();
  #status: SyncStatus = FRESH;

  /** @internal Made by {@link EventStore.sync}. */
  constructor(store: LocalStore, options: SyncOptions<M>, codec: Codec<M>) {
    this.#codec = codec;
    const host = createHost(options, this.#abort.signal, {
      status: (status) => this.#show(status),
      resolve: async (conflict) => {
        const decide = options.onConflict;
        return this.#written(decide ? await decide(this.#read(conflict as Conflict<M>)) : 'park');
      },
    });
    const config = JSON.stringify({ space: options.space, pollIntervalMs: options.pollInterval });
    this.#handle = store.sync(config, host);
    globalThis.addEventListener?.('online', this.#online);
    // An error that ends the sync stands in the status.
    this.#handle
      .run()
      .catch(() => {})
      .finally(() => this.#ended());
  }

  /** The sync at this moment: the same object until something changes. */
  get status(): SyncStatus {
    return this.#status;
  }

  /** As {@link status}, for libraries that take a store. */
  getSnapshot = (): SyncStatus => this.#status;

  /** Calls back with the status at once and whenever it changed; the answer ends that. */
  subscribe = (listener: (status: SyncStatus) => void): (() => void) => {
    this.#listeners.add(listener);
    listener(this.#status);
    return () => this.#listeners.delete(listener);
  };

  /** Starts a round and waits until it rests. @throws why it did not go well. */
  async syncNow(): Promise<SyncStatus> {
    return JSON.parse(await rethrown(this.#handle.syncNow())) as SyncStatus;
  }

  /** Resolves when the outbox is empty. @throws why it is not. */
  async flush(): Promise<void> {
    const { state, pendingCommits } = await this.syncNow();
    if (pendingCommits === 0) return;
    if (state === 'conflicted') {
      throw errorOf('VERSION_CONFLICT', 'a commit is parked; resolve it first', {
        streams: (await this.conflicts()).flatMap((conflict) => conflict.streams),
      });
    }
    return this.flush();
  }

  /** The parked commits. */
  async conflicts(): Promise<Conflict<M>[]> {
    const conflicts = JSON.parse(await rethrown(this.#handle.conflicts())) as Conflict<M>[];
    return conflicts.map((conflict) => this.#read(conflict));
  }

  /** Resolves a parked commit. */
  async resolve(commitId: string, resolution: Resolution<M>): Promise<void> {
    await rethrown(this.#handle.resolve(commitId, await this.#written(resolution)));
  }

  /** Ends the sync; what waits stays in the outbox. */
  stop(): void {
    this.#handle.stop();
    this.#abort.abort();
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  #online = (): void => this.#handle.wake();

  #show(status: SyncStatus): void {
    this.#status = status;
    for (const listener of this.#listeners) listener(status);
  }

  #ended(): void {
    globalThis.removeEventListener?.('online', this.#online);
    if (this.#status.state !== 'stopped')
      this.#show({ ...this.#status, state: 'stopped', nextRetryMs: null });
  }

  #read(conflict: Conflict<M>): Conflict<M> {
    return {
      ...conflict,
      remoteEvents: conflict.remoteEvents.map(this.#codec.decode),
      localEvents: conflict.localEvents.map(this.#codec.decode),
    };
  }

  async #written(resolution: Resolution<M>): Promise<string> {
    if (typeof resolution === 'string') return JSON.stringify({ kind: resolution });
    return `{"kind":"replace","batch":${await this.#codec.encode(resolution.replace)}}`;
  }
}
