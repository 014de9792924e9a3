// A page that has the module in its code.

import { loadWasm } from 'eventcore-web/wasm';
import { inlineWasm } from 'eventcore-web/wasm/inline';

await loadWasm(inlineWasm());
await import('./page.js');
