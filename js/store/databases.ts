// The browser's databases: opened, deleted, listed.

import { abortable, type WaitOptions } from '../abort.js';
import { errorOf, rethrown } from '../errors.js';
import { client } from '../load/client.js';
import type { LocalStore } from '../wasm/client/eventcore.js';

/** Which database is meant, and what to do where others keep it open. */
export interface DatabaseOptions extends WaitOptions {
  /**
   * Put before the name of the database, and of all that the tabs of a store share, so that apps or users of one
   * origin do not meet: `'acme:'`.
   */
  keyPrefix?: string;
  /**
   * Called where something has the database open and does not make way, such as a tab with an old version of the
   * app that must be closed: then it waits until that happens. Without it, it fails after 5 seconds as
   * `StorageUnavailable`. Stores of this package make way by themselves.
   */
  onBlocked?: () => void;
}

/** What an app is told while a database is opened. */
export interface OpeningOptions extends DatabaseOptions {
  /**
   * Called, with why, where the browser found its files damaged and has emptied every database of the origin, so that
   * the store begins anew: Chromium does that, now and then after it was killed, and says so. Without it, it is an error
   * on the console. What an endpoint has confirmed comes back with the next sync; what was pending is lost.
   */
  onDataLoss?: (message: string) => void;
}

export async function openDatabase(
  name: string,
  durability: string,
  { onBlocked, onDataLoss = complain }: OpeningOptions,
): Promise<LocalStore> {
  requireIndexedDb();
  // While the module is loaded, the browser opens the files in which it keeps the origin's databases: in Chromium the
  // first events of 30,000 are there after 70 ms, without this after 88 (medians of 31 new browsers).
  listDatabases('').catch(() => {});
  const { LocalStore } = await client.load();
  return LocalStore.openIndexedDb(name, durability, reported(onBlocked), reported(onDataLoss));
}

export async function deleteDatabase(
  name: string,
  { keyPrefix = '', onBlocked, signal }: DatabaseOptions,
): Promise<void> {
  signal?.throwIfAborted();
  requireIndexedDb();
  const deleting = client
    .load()
    .then(({ LocalStore }) => LocalStore.deleteIndexedDb(keyPrefix + name, reported(onBlocked)));
  await abortable(rethrown(deleting), signal);
}

export async function listDatabases(prefix: string): Promise<string[]> {
  requireIndexedDb();
  const databases = await indexedDB.databases().catch((error: unknown) => {
    throw errorOf('STORAGE_UNAVAILABLE', `storage is unavailable: ${String(error)}`);
  });
  const names = databases.flatMap(({ name }) => name ?? []);
  return names.filter((name) => name.startsWith(prefix)).sort();
}

/** What the app throws there is reported as what a listener throws; nobody waits for it. */
function reported<A extends unknown[]>(
  call: ((...told: A) => void) | undefined,
): ((...told: A) => void) | undefined {
  return call && ((...told: A) => queueMicrotask(() => call(...told)));
}

function complain(message: string): void {
  console.error(`the browser has emptied the databases of ${globalThis.origin}: ${message}`);
}

function requireIndexedDb(): void {
  if (!('indexedDB' in globalThis)) {
    throw errorOf(
      'STORAGE_UNAVAILABLE',
      "storage is unavailable: this runtime has no IndexedDB; open the store with { storage: 'memory' }",
    );
  }
}
