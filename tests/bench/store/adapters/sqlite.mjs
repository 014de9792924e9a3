// SQLite compiled to wasm on OPFS. It must live in a worker, so every call is a message.

import { records } from './hand.mjs';

export const title = 'SQLite wasm on OPFS';

export async function open(name, durability) {
  const worker = new Worker(new URL('./sqlite-worker.mjs', import.meta.url), { type: 'module' });
  const waiting = new Map();
  let last = 0;
  worker.onmessage = ({ data: { id, value, error } }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) resolve(value);
    else reject(new Error(error));
  };
  const call = (method, ...args) =>
    new Promise((resolve, reject) => {
      last += 1;
      waiting.set(last, { resolve, reject });
      worker.postMessage({ id: last, method, args });
    });
  await call('open', name, durability);
  return {
    append: (streamId, version, events) => call('append', records(streamId, version, events)),
    readStream: (streamId) => call('readStream', streamId),
    readFeed: (after, limit) => call('readFeed', after, limit),
    async close() {
      await call('close');
      worker.terminate();
    },
  };
}
