// The endpoint's module where there is `fetch`: streamed from beside this file, once, when it is first needed.

import init, { EndpointHost } from '../wasm/endpoint/eventcore.js';

let loading: Promise<typeof EndpointHost> | undefined;

export function loadEndpoint(): Promise<typeof EndpointHost> {
  loading ??= load();
  return loading;
}

async function load(): Promise<typeof EndpointHost> {
  try {
    await init();
    return EndpointHost;
  } catch (error) {
    loading = undefined; // The next one tries again.
    throw error;
  }
}
