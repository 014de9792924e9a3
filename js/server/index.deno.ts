// The endpoint in Deno: the module is part of the code, so that no file has to be allowed to be read.

import { endpoint } from '../load/endpoint.js';
import { inlined } from '../load/inlined.js';
import base64 from '../wasm/endpoint/inline.js';

endpoint.provide(() => inlined(base64));

export * from './index.js';
