// `eventcore-web/wasm`: the client's module for those who load it themselves.

import { abortable, type WaitOptions } from './abort.js';
import { client } from './load/client.js';
import type { WasmSource } from './load/loader.js';

export type { WaitOptions } from './abort.js';
export type { WasmSource } from './load/loader.js';

/**
 * Loads the client's module before it is needed, from `source` or from where this runtime has it. Once it was
 * loaded, a later call does nothing; after a failure it tries again.
 *
 * @throws NotLoaded with what failed as its `cause`.
 */
export async function loadWasm(
  source?: WasmSource | Promise<WasmSource>,
  options: WaitOptions = {},
): Promise<void> {
  options.signal?.throwIfAborted();
  await abortable(client.load(source), options.signal);
}
