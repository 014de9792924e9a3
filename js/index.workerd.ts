// The client in workerd, which compiles modules when a worker is deployed and lets none be compiled later.

import { client } from './load/client.js';
import module from './wasm/client/eventcore_bg.wasm';

client.provide(() => module);

export * from './index.js';
