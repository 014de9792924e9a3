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

export async function openDatabase(
  name: string,
  durability: string,
  { onBlocked }: DatabaseOptions,
): Promise<LocalStore> {
  requireIndexedDb();
  // While the module is loaded, the browser opens the files in which it keeps the origin's databases.
  listDatabases('').catch(() => {});
  const { LocalStore } = await client.load();
  return LocalStore.openIndexedDb(name, durability, reported(onBlocked));
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
function reported(onBlocked: (() => void) | undefined): (() => void) | undefined {
  return onBlocked && (() => queueMicrotask(onBlocked));
}

function requireIndexedDb(): void {
  if (!('indexedDB' in globalThis)) {
    throw errorOf(
      'STORAGE_UNAVAILABLE',
      "storage is unavailable: this runtime has no IndexedDB; open the store with { storage: 'memory' }",
    );
  }
}
