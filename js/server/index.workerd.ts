// The endpoint in workerd, which compiles modules when a worker is deployed and lets none be compiled later.

import { endpoint } from '../load/endpoint.js';
import module from '../wasm/endpoint/eventcore_bg.wasm';

endpoint.provide(() => module);

export * from './index.js';
