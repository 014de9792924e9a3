// Between a client and PostgreSQL: passes bytes on until it is told to cut the connections.

import { connect, createServer } from 'node:net';

/** @param {string} url Of the database. */
export async function startTcpProxy(url) {
  const target = new URL(url);
  const sockets = new Set();
  const server = createServer((incoming) => {
    const onward = connect(Number(target.port), target.hostname);
    for (const [from, to] of [
      [incoming, onward],
      [onward, incoming],
    ]) {
      sockets.add(from);
      from.setNoDelay(true).pipe(to);
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const through = new URL(url);
  through.port = String(/** @type {import('node:net').AddressInfo} */ (server.address()).port);
  return {
    url: String(through),
    /** Cuts every connection that there is, without a word to either side. */
    cut() {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
