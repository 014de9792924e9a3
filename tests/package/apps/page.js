// A page that shows how the shop went.

import { shop } from './app.js';

shop().then(
  (result) => {
    globalThis.result = result;
  },
  (error) => {
    globalThis.result = { error: String(error?.stack ?? error) };
  },
);
