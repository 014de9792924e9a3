// The client's module where there is `fetch`: streamed from beside this file, once, when it is first needed.

import init, { LocalStore } from '../wasm/client/eventcore.js';

type Client = { LocalStore: typeof LocalStore };

let loading: Promise<Client> | undefined;

export function loadClient(): Promise<Client> {
  loading ??= load();
  return loading;
}

async function load(): Promise<Client> {
  try {
    await init();
    return { LocalStore };
  } catch (error) {
    loading = undefined; // The next one tries again.
    throw error;
  }
}
