// What an app says to a sync and sees of it.

import type { StreamConflict } from './errors.js';
import type { AnyEvents, Batch, EventToWrite, StoredEvent } from './events.js';

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
  /** How far the pull or push is that is under way, in events. */
  progress: { done: number; total: number } | null;
  /** Whether the endpoint says by itself when others wrote, so that nobody has to ask. */
  live: boolean;
  /** Whether it is this tab that syncs; what the others show is what that one does. */
  leader: boolean;
}

/** A commit that the endpoint did not take, with what is needed to decide what becomes of it. */
export interface Conflict<M extends object = AnyEvents> {
  commitId: string;
  /** The streams that are not as it expects; empty where it was rejected for another reason. */
  streams: StreamConflict[];
  /** That other reason. */
  rejected: { code: string; message: string } | null;
  /**
   * What others wrote to these streams since, in feed order. Of a stream that the commit holds to no version (`any`,
   * `noCheck`) there is no "since", and nothing here: it is in conflict only where it must exist and does not.
   */
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
  /**
   * The bearer token, or where to get it: asked before each request, and once more where the endpoint refused it,
   * with `rejected`. If the next one is refused too, the sync stops with `UNAUTHORIZED`.
   */
  token?: string | ((about: { rejected: boolean }) => string | Promise<string>);
  /**
   * How often to look for what others wrote while the endpoint does not say it by itself, in milliseconds; 5,000
   * without it.
   */
  pollInterval?: number;
  /** Whether to let the endpoint say by itself what others wrote, by server-sent events; `true` without it. */
  live?: boolean;
  /**
   * Standing answers to conflicts by the beginning of a stream's id; the longest that fits counts. Where they do not
   * say one thing about every stream of a conflict, `onConflict` is asked.
   */
  policies?: Readonly<Record<string, 'rebase' | 'drop' | 'park'>>;
  /**
   * What to do where the endpoint lost what it had confirmed, or is another one: `stop`, the default, with
   * `ENDPOINT_RESET`; or `repush`: push again what it no longer has, whoever wrote it.
   */
  recover?: 'stop' | 'repush';
  /** Decides about a conflict; without it, or where it throws, the commit is parked. */
  onConflict?: (conflict: Conflict<M>) => Resolution<M> | Promise<Resolution<M>>;
  /** Used in place of the global `fetch`. */
  fetch?: typeof globalThis.fetch;
}
