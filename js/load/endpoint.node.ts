// The endpoint's module in Node: read from the package's folder, once, when it is first needed.

import { readFile } from 'node:fs/promises';
import { EndpointHost, initSync } from '../wasm/endpoint/eventcore.js';
import { once } from './once.js';

export const loadEndpoint = once(async () => {
  initSync({ module: await readFile(new URL('../wasm/endpoint/eventcore_bg.wasm', import.meta.url)) });
  return { EndpointHost };
});
