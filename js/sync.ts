// Sync towards the app: a status to show, conflicts to resolve.

/// <reference lib="esnext.disposable" preserve="true" />

import { abortable } from './abort.js';
import type { Codec } from './codec.js';
import { errorOf, rethrown } from './errors.js';
import type { AnyEvents } from './events.js';
import { follow } from './live.js';
import { createHost } from './sync-host.js';
import type { Conflict, Resolution, SyncOptions, SyncStatus } from './sync-options.js';
import { Tabs } from './tabs.js';
import type { LocalStore, SyncHandle } from './wasm/client/eventcore.js';

const FRESH: SyncStatus = {
  state: 'idle',
  pendingCommits: 0,
  pendingEvents: 0,
  confirmed: 0,
  head: 0,
  lastError: null,
  nextRetryMs: null,
  progress: null,
  live: false,
  leader: false,
};

/** One run of a sync, from its start to its end. */
interface Run {
  handle: SyncHandle;
  tabs: Tabs;
  abort: AbortController;
  /** Resolves when it is this tab's turn to sync. */
  turn: Promise<void>;
  ended: boolean;
}

/** A sync of a store; it runs from the start. */
export class Sync<M extends object = AnyEvents> implements Disposable {
  readonly #store: LocalStore;
  readonly #name: string | null;
  readonly #options: SyncOptions<M>;
  readonly #codec: Codec<M>;
  readonly #listeners = new Set<(status: SyncStatus) => void>();
  #status: SyncStatus = FRESH;
  #run: Run;

  /** @internal Made by {@link EventStore.sync}; `name` is that of a store that other tabs may sync too. */
  constructor(store: LocalStore, name: string | null, options: SyncOptions<M>, codec: Codec<M>) {
    this.#store = store;
    this.#name = name;
    this.#options = options;
    this.#codec = codec;
    this.#run = this.#begin();
  }

  /** Runs again after it was stopped or ended by an error, which a new token, say, may have mended. */
  start(): void {
    if (this.#status.state !== 'stopped') return;
    this.#ended(this.#run);
    this.#show(FRESH);
    this.#run = this.#begin();
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

  /**
   * Starts a round and waits until it rests. Where another tab syncs, it is that one's; one that does not answer is
   * relieved. @throws why it did not go well; the signal's reason, and then the round goes on unheeded.
   */
  async syncNow(options: { signal?: AbortSignal } = {}): Promise<SyncStatus> {
    options.signal?.throwIfAborted();
    const { tabs, turn, ended } = this.#run;
    if (ended || this.#status.leader) return abortable(this.#round(), options.signal);
    try {
      return await abortable(tabs.round(turn), options.signal);
    } catch (error) {
      if (options.signal?.aborted || error instanceof Error) throw error;
      const { code, message } = error as { code: string; message: string };
      throw errorOf(code, message);
    }
  }

  /** Resolves when the outbox is empty. @throws why it is not; the signal's reason. */
  async flush(options: { signal?: AbortSignal } = {}): Promise<void> {
    for (;;) {
      const { state, pendingCommits } = await this.syncNow(options);
      if (pendingCommits === 0) return;
      if (state === 'stopped') throw errorOf('CLOSED', 'the sync was stopped; start it again');
      if (state === 'conflicted') {
        throw errorOf('VERSION_CONFLICT', 'a commit is parked; resolve it first', {
          streams: (await this.conflicts()).flatMap((conflict) => conflict.streams),
        });
      }
    }
  }

  /** The parked commits. */
  async conflicts(): Promise<Conflict<M>[]> {
    const conflicts = JSON.parse(await rethrown(this.#run.handle.conflicts())) as Conflict<M>[];
    return conflicts.map((conflict) => this.#read(conflict));
  }

  /** Resolves a parked commit. */
  async resolve(commitId: string, resolution: Resolution<M>): Promise<void> {
    await rethrown(this.#run.handle.resolve(commitId, await this.#written(resolution)));
  }

  /** Ends the sync; what waits stays in the outbox. */
  stop(): void {
    const { handle, abort } = this.#run;
    handle.stop();
    abort.abort();
    // A tab whose turn did not come has nothing to end.
    if (!this.#status.leader) this.#ended(this.#run);
  }

  /** As {@link stop}, at the end of a block with `using`. */
  [Symbol.dispose](): void {
    this.stop();
  }

  #begin(): Run {
    const { space, url: _, pollInterval: pollIntervalMs, policies = {}, recover = 'stop' } = this.#options;
    const abort = new AbortController();
    const host = createHost(this.#options, abort.signal, {
      status: (status) => {
        if (this.#run === run) this.#show({ ...status, leader: true });
      },
      resolve: async (conflict) => {
        const decide = this.#options.onConflict;
        return this.#written(decide ? await decide(this.#read(conflict as Conflict<M>)) : 'park');
      },
    });
    const config = JSON.stringify({ space, pollIntervalMs, policies: Object.entries(policies), recover });
    const handle = this.#store.sync(config, host);
    let turns = () => {};
    const turn = new Promise<void>((resolve) => {
      turns = resolve;
    });
    const lead = async () => {
      if (abort.signal.aborted) return;
      this.#show({ ...this.#status, leader: true });
      const running = handle.run();
      turns();
      if (this.#options.live ?? true) this.#follow(host, handle, space, abort.signal);
      // An error that ends the sync stands in the status.
      await running.catch(() => {});
      this.#ended(run);
    };
    const tabs = new Tabs(
      this.#name,
      {
        lead: () => Promise.resolve().then(lead),
        deposed: () => {
          if (run.ended) return;
          handle.stop();
          this.#end(run);
          this.#show({ ...this.#status, live: false, leader: false });
          this.#run = this.#begin();
        },
        changed: () => this.#store.changed(),
        waits: () => this.#waits(),
        saw: (status) => this.#show(status),
        round: () => this.#round(),
        status: () => this.#status,
      },
      abort.signal,
    );
    const run: Run = { handle, tabs, abort, turn, ended: false };
    globalThis.addEventListener?.('online', this.#wake);
    globalThis.document?.addEventListener('visibilitychange', this.#shown);
    return run;
  }

  #follow(host: ReturnType<typeof createHost>, handle: SyncHandle, space: string, signal: AbortSignal): void {
    const path = `/v1/spaces/${encodeURIComponent(space)}/live`;
    const following = {
      open: (signal: AbortSignal) => host.open(`${path}?after=${this.#status.confirmed}`, signal),
      rested: () => this.#rested(signal),
      live: (speaks: boolean) => handle.setLive(speaks),
      heard: (page: string) => handle.heard(page),
    };
    follow(following, signal);
  }

  /** Resolves when there is nothing to catch up with, or the sync has ended. */
  #rested(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        const { state } = this.#status;
        if (!signal.aborted && state !== 'idle' && state !== 'conflicted') return;
        this.#listeners.delete(look);
        resolve();
      };
      this.#listeners.add(look);
      signal.addEventListener('abort', look);
      look();
    });
  }

  async #round(): Promise<SyncStatus> {
    const status = JSON.parse(await rethrown(this.#run.handle.syncNow())) as SyncStatus;
    return { ...status, leader: true };
  }

  /** A store that cannot say has nothing that could be synced. */
  async #waits(): Promise<boolean> {
    try {
      return JSON.parse(await this.#store.state()).pendingCommits > 0;
    } catch {
      return false;
    }
  }

  #shown = (): void => {
    if (globalThis.document?.visibilityState === 'visible') this.#wake();
  };

  #wake = (): void => {
    if (this.#status.leader) this.#run.handle.wake();
    // How it went, whoever syncs shows.
    else this.syncNow().catch(() => {});
  };

  #show(status: SyncStatus): void {
    this.#status = status;
    this.#run?.tabs.tell(status);
    for (const listener of this.#listeners) listener(status);
  }

  #end(run: Run): void {
    run.ended = true;
    // Those who follow the endpoint end with it.
    run.abort.abort();
    globalThis.removeEventListener?.('online', this.#wake);
    globalThis.document?.removeEventListener('visibilitychange', this.#shown);
  }

  #ended(run: Run): void {
    if (run.ended) return;
    this.#end(run);
    if (this.#status.state !== 'stopped' || this.#status.leader)
      this.#show({ ...this.#status, state: 'stopped', nextRetryMs: null, live: false, leader: false });
  }

  #read(conflict: Conflict<M>): Conflict<M> {
    return {
      ...conflict,
      remoteEvents: conflict.remoteEvents.map((event) => this.#codec.upcast(event)),
      localEvents: conflict.localEvents.map((event) => this.#codec.upcast(event)),
    };
  }

  async #written(resolution: Resolution<M>): Promise<string> {
    if (typeof resolution === 'string') return JSON.stringify({ kind: resolution });
    return `{"kind":"replace","batch":${await this.#codec.encode(resolution.replace)}}`;
  }
}
