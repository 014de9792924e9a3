// The client's module: IndexedDB, the store in memory, sync.

import init, { LocalStore } from '../wasm/client/eventcore.js';
import { loader } from './loader.js';

/** @internal */
export const client = /* @__PURE__ */ loader(
  init,
  { LocalStore },
  () => new URL('../wasm/client/eventcore_bg.wasm', import.meta.url),
);
