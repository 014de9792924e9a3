// The client's module in Node: read from the package's folder, once, when it is first needed.

import { readFile } from 'node:fs/promises';
import { initSync, LocalStore } from '../wasm/client/eventcore.js';

type Client = { LocalStore: typeof LocalStore };

let loading: Promise<Client> | undefined;

export function loadClient(): Promise<Client> {
  loading ??= load();
  return loading;
}

async function load(): Promise<Client> {
  try {
    initSync({ module: await readFile(new URL('../wasm/client/eventcore_bg.wasm', import.meta.url)) });
    return { LocalStore };
  } catch (error) {
    loading = undefined; // The next one tries again.
    throw error;
  }
}
