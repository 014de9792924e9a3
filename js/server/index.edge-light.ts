// The endpoint in edge functions that take modules by an import of their own.

import { endpoint } from '../load/endpoint.js';
import module from '../wasm/endpoint/eventcore_bg.wasm?module';

endpoint.provide(() => module);

export * from './index.js';
