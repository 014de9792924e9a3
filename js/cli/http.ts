// Node's HTTP, for a `fetch` handler.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';

/** Answers a request of Node's by a handler. */
export async function answer(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  handler: (request: Request) => Promise<Response>,
): Promise<void> {
  const request = toRequest(incoming);
  const response =
    request === undefined ? new Response('Bad request\n', { status: 400 }) : await handler(request);
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  if (response.body === null || incoming.method === 'HEAD') outgoing.end();
  else await pipeline(Readable.fromWeb(response.body as ReadableStream), outgoing);
  // Nobody reads what is left of the body, and the next request lies behind it.
  if (!incoming.complete) incoming.removeAllListeners('data').resume();
}

/** None where the request names no host or a path that is none. */
function toRequest(incoming: IncomingMessage): Request | undefined {
  const { method = 'GET', url = '/', headers } = incoming;
  const address = `http://${headers.host ?? ''}${url}`;
  if (!url.startsWith('/') || !URL.canParse(address)) return undefined;
  const hasBody = method !== 'GET' && method !== 'HEAD';
  const list = Object.entries(headers).flatMap(([name, value]) =>
    [value ?? []].flat().map((one): [string, string] => [name, one]),
  );
  return new Request(address, {
    method,
    headers: list,
    ...(hasBody && { body: bodyOf(incoming), duplex: 'half' }),
  });
}

/** Read when somebody asks for it, and no earlier. */
function bodyOf(incoming: IncomingMessage): BodyInit {
  return Readable.toWeb(incoming, { strategy: { highWaterMark: 0 } }) as unknown as BodyInit;
}
