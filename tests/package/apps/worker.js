// A worker, of a page or of a site, that tells whoever asks how the shop went.

import { shop } from './app.js';

const answer = (reply) => shop().then(reply, (error) => reply({ error: String(error?.stack ?? error) }));

addEventListener('message', (event) => {
  const done = answer((result) => (event.source ?? globalThis).postMessage(result));
  event.waitUntil?.(done);
});
