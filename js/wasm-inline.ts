// `eventcore-web/wasm/inline`: the client's module as part of the code, for where it cannot be served.

import { inlined } from './load/inlined.js';
import base64 from './wasm/client/inline.js';

/**
 * The client's module, to be passed to `loadWasm`. It makes the code larger by half of the module's size, and it
 * cannot be compiled while it arrives.
 */
export function inlineWasm(): Promise<BufferSource> {
  return inlined(base64);
}
