// A network between a replica and its endpoint, under the test's control.

import { EventEmitter, once } from 'node:events';
import { createServer, request as send } from 'node:http';

/**
 * @typedef {{ method: string, path: string, headers: import('node:http').IncomingHttpHeaders, body: Buffer }} Asked
 * @typedef {'pass' | 'drop' | 'stall' | 'drop the answer' | 'keep the answer' | 'truncate' | 'hold back'
 *   | { status: number, headers?: Record<string, string>, body?: string }} Fate What becomes of a request: `drop` it,
 *   or `stall` it without a word; carry it out and lose, keep or cut the answer; `hold back` the answer until it is
 *   complete; or answer in its place.
 */

/**
 * Starts a proxy on a free port of loopback.
 * @param {string} target
 */
export async function startProxy(target) {
  /** @type {Asked[]} */
  const asked = [];
  const done = new EventEmitter();
  const proxy = {
    url: '',
    asked,
    fate: /** @type {(asked: Asked) => Fate} */ (() => 'pass'),
    met,
    sever,
    stop,
  };
  const server = createServer(async (incoming, outgoing) => {
    const chunks = [];
    incoming.on('error', () => {});
    outgoing.on('error', () => {});
    try {
      for await (const chunk of incoming) chunks.push(chunk);
    } catch {
      return; // The client hung up.
    }
    const { method = 'GET', url: path = '/', headers } = incoming;
    const body = Buffer.concat(chunks);
    asked.push({ method, path, headers, body });
    // A browser asks before it sends; that it may is not what is tested.
    const fate = method === 'OPTIONS' ? 'pass' : proxy.fate({ method, path, headers, body });
    if (fate === 'stall') return done.emit(fate);
    if (fate === 'drop') return incoming.socket.destroy();
    if (typeof fate === 'object') {
      const cors = {
        'access-control-allow-origin': headers.origin ?? '*',
        'access-control-expose-headers': 'retry-after',
      };
      outgoing.writeHead(fate.status, { 'content-type': 'text/html', ...cors, ...fate.headers });
      return outgoing.end(fate.body ?? '<!doctype html>');
    }
    const onward = send(new URL(path, target), { method, headers, agent: false }, async (answer) => {
      answer.on('error', () => outgoing.destroy());
      if (fate === 'keep the answer') return answer.resume().on('end', () => done.emit(fate));
      if (fate === 'drop the answer') return answer.resume().on('end', () => outgoing.destroy());
      if (fate === 'pass') return answer.pipe(outgoing.writeHead(answer.statusCode ?? 502, answer.headers));
      const parts = [];
      try {
        for await (const part of answer) parts.push(part);
      } catch {
        return outgoing.destroy();
      }
      const whole = Buffer.concat(parts);
      const { 'content-length': _, ...kept } = answer.headers;
      outgoing.writeHead(answer.statusCode ?? 502, kept);
      outgoing.end(fate === 'truncate' ? whole.subarray(0, whole.length / 2) : whole);
    });
    onward.on('error', () => outgoing.destroy());
    outgoing.on('close', () => onward.destroy());
    onward.end(body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const address = /** @type {import('node:net').AddressInfo} */ (server.address());
  proxy.url = `http://127.0.0.1:${address.port}`;
  return proxy;

  /** Waits until a request has met this fate: it was taken in, or carried out. @param {'stall' | 'keep the answer'} fate */
  function met(fate) {
    return once(done, fate);
  }

  /** Breaks every connection that there is. */
  function sever() {
    server.closeAllConnections();
  }

  function stop() {
    sever();
    return new Promise((resolve) => server.close(resolve));
  }
}
