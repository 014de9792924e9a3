// A page whose bundler makes an asset of the module.

import wasm from 'eventcore-web/eventcore.wasm';
import { loadWasm } from 'eventcore-web/wasm';

await loadWasm(new URL(wasm, import.meta.url));
await import('./page.js');
