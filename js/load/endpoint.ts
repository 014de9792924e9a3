// The endpoint's module: PostgreSQL, the handler.

import init, { EndpointHost, SqlSpaces } from '../wasm/endpoint/eventcore.js';
import { loader } from './loader.js';

/** @internal */
export const endpoint = /* @__PURE__ */ loader(
  init,
  { EndpointHost, SqlSpaces },
  () => new URL('../wasm/endpoint/eventcore_bg.wasm', import.meta.url),
);
