// The client in Deno: the module is part of the code, so that no file has to be allowed to be read.

import { client } from './load/client.js';
import { inlineWasm } from './wasm-inline.js';

client.provide(inlineWasm);

export * from './index.js';
