// The client in edge functions that take modules by an import of their own.

import { client } from './load/client.js';
import module from './wasm/client/eventcore_bg.wasm?module';

client.provide(() => module);

export * from './index.js';
