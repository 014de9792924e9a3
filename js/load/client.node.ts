// The client's module in Node: read from the package's folder, once, when it is first needed.

import { readFile } from 'node:fs/promises';
import { initSync, LocalStore } from '../wasm/client/eventcore.js';
import { once } from './once.js';

export const loadClient = once(async () => {
  initSync({ module: await readFile(new URL('../wasm/client/eventcore_bg.wasm', import.meta.url)) });
  return { LocalStore };
});
