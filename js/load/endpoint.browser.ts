// The endpoint's module where there is `fetch`: streamed from beside this file, once, when it is first needed.

import init, { EndpointHost } from '../wasm/endpoint/eventcore.js';
import { once } from './once.js';

export const loadEndpoint = once(async () => {
  await init();
  return { EndpointHost };
});
