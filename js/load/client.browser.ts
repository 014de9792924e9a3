// The client's module where there is `fetch`: streamed from beside this file, once, when it is first needed.

import init, { LocalStore } from '../wasm/client/eventcore.js';
import { once } from './once.js';

export const loadClient = once(async () => {
  await init();
  return { LocalStore };
});
