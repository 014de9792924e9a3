// Values that are kept beside the log, under names: what can be made anew from it, at a price.

import { errorOf, rethrown } from '../errors.js';
import type { LocalStore } from '../wasm/client/eventcore.js';

/** What was kept; a copy, so that the one that is kept stays as it is. */
export async function readSnapshot(inner: LocalStore, name: string): Promise<unknown> {
  return structuredClone(await rethrown(inner.readSnapshot(name)));
}

/** Keeps a copy of a value; nothing is kept of `undefined`. */
export async function writeSnapshot(inner: LocalStore, name: string, value: unknown): Promise<void> {
  let copy: unknown;
  try {
    copy = structuredClone(value);
  } catch (error) {
    throw errorOf('INVALID_REQUEST', `snapshot ${JSON.stringify(name)} cannot be kept: ${String(error)}`);
  }
  await rethrown(inner.writeSnapshot(name, copy));
}
