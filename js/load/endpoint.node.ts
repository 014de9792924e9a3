// The endpoint's module in Node: read from the package's folder, once, when it is first needed.

import { readFile } from 'node:fs/promises';
import { EndpointHost, initSync } from '../wasm/endpoint/eventcore.js';

let loading: Promise<typeof EndpointHost> | undefined;

export function loadEndpoint(): Promise<typeof EndpointHost> {
  loading ??= load();
  return loading;
}

async function load(): Promise<typeof EndpointHost> {
  try {
    initSync({ module: await readFile(new URL('../wasm/endpoint/eventcore_bg.wasm', import.meta.url)) });
    return EndpointHost;
  } catch (error) {
    loading = undefined; // The next one tries again.
    throw error;
  }
}
