// A page that says where its module is served.

import { loadWasm } from 'eventcore-web/wasm';

await loadWasm(new URL('eventcore.wasm', import.meta.url));
await import('./page.js');
