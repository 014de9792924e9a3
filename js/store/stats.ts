// How much a store holds, and what the browser grants it.

import { abortable } from '../abort.js';
import { rethrown } from '../errors.js';
import type { FeedPage } from '../events.js';
import type { LocalStore } from '../wasm/client/eventcore.js';

/** A store at one moment. */
export interface StoreStats {
  /** Confirmed events. */
  events: number;
  /** Events that wait to be confirmed. */
  pending: number;
  streams: number;
  /** Bytes that this origin uses, other stores and caches included; `null` where the browser does not say. */
  bytesUsed: number | null;
  /** Bytes that it may use. */
  quota: number | null;
  /** Whether the browser keeps the data when it runs out of room; `null` where it does not say. */
  persisted: boolean | null;
}

const PAGE = 10_000;

/** Streams are counted by their first events, which takes a walk through the log. */
export async function stats(inner: LocalStore, signal?: AbortSignal): Promise<StoreStats> {
  signal?.throwIfAborted();
  const { cursor, pendingEvents } = JSON.parse(await rethrown(inner.state()));
  let streams = 0;
  let after = 0;
  for (let pending = false; ; ) {
    const selection = {
      after,
      toVersion: 1,
      confirmedOnly: !pending,
      maxEvents: pending ? 2 ** 32 - 1 : PAGE,
    };
    const page = JSON.parse(await abortable(rethrown(inner.readAllEvents(selection)), signal)) as FeedPage;
    streams += page.events.length;
    after = page.cursor;
    if (pending) break;
    pending = page.complete;
  }
  // WebKitGTK has no storage manager.
  const storage: StorageManager | undefined = globalThis.navigator?.storage;
  const estimate = await abortable(Promise.resolve(storage?.estimate?.()), signal);
  return {
    events: cursor,
    pending: pendingEvents,
    streams,
    bytesUsed: estimate?.usage ?? null,
    quota: estimate?.quota ?? null,
    persisted: (await storage?.persisted?.()) ?? null,
  };
}

/** Asks the browser to keep this origin's data when it runs out of room; answers whether it will. */
export async function persist(): Promise<boolean> {
  return (await globalThis.navigator?.storage?.persist?.()) ?? false;
}
