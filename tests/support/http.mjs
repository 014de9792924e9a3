// Requests over a socket of their own, so that a test may send any header, and the ids and commits that they carry.

import { randomBytes } from 'node:crypto';
import { request } from 'node:http';

/**
 * @typedef {{ status: number, headers: import('node:http').IncomingHttpHeaders, text: string, json: any }} Received
 * @param {string} base @param {string} method @param {string} path
 * @param {{ headers?: Record<string, string>, body?: string | Buffer | Iterable<Buffer> }} [options]
 * @returns {Promise<Received>}
 */
export function send(base, method, path, { headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const outgoing = request(new URL(base), { method, path, headers, agent: false }, async (incoming) => {
      let text = '';
      try {
        for await (const chunk of incoming.setEncoding('utf8')) text += chunk;
      } catch (error) {
        return reject(error);
      }
      const isJson = incoming.headers['content-type'] === 'application/json';
      resolve({
        status: incoming.statusCode,
        headers: incoming.headers,
        text,
        json: isJson ? JSON.parse(text) : undefined,
      });
    });
    // A host that refuses a body may answer and hang up while it is being sent.
    let answered = false;
    outgoing.on('response', () => {
      answered = true;
    });
    outgoing.on('error', (error) => answered || reject(error));
    if (body === undefined || typeof body === 'string' || Buffer.isBuffer(body)) outgoing.end(body);
    else {
      for (const chunk of body) outgoing.write(chunk);
      outgoing.end();
    }
  });
}

/**
 * Follows a space by a socket of its own.
 * @param {string} base @param {string} path @param {Record<string, string>} [headers]
 */
export async function follow(base, path, headers = {}) {
  const outgoing = request(new URL(base), { path, headers, agent: false });
  const incoming = await new Promise((resolve, reject) => {
    outgoing.on('response', resolve).on('error', reject).end();
  });
  incoming.setEncoding('utf8');
  outgoing.on('error', () => {});
  return {
    status: incoming.statusCode,
    headers: incoming.headers,
    /** The messages, each with its fields; comments are `{ comment }`. It ends where the stream does. */
    messages: messages(incoming),
    close: () => outgoing.destroy(),
  };
}

async function* messages(chunks) {
  let text = '';
  for await (const chunk of chunks) {
    const blocks = (text + chunk).split('\n\n');
    text = blocks.pop();
    for (const block of blocks) {
      const fields = block.split('\n').map((line) => /^(\w*): ?(.*)$/s.exec(line) ?? [line, 'comment', '']);
      const message = Object.fromEntries(fields.map(([, name, value]) => [name || 'comment', value]));
      yield message.data === undefined ? message : { ...message, data: JSON.parse(message.data) };
    }
  }
}

let last = 0;

/** A UUID of version 7. */
export function newId() {
  last = Math.max(last + 1, Date.now());
  const bytes = randomBytes(16);
  bytes.writeUIntBE(last, 0, 6);
  bytes[6] = (bytes[6] & 0x0f) | 0x70;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/**
 * A commit on the wire, with an expectation per stream.
 * @param {Record<string, 'noStream' | 'any' | 'noCheck' | number>} expected
 * @param {Array<{ stream: string, payload?: unknown, id?: string, type?: string }>} events
 */
export function commit(expected, events, id = newId()) {
  return {
    id,
    expectations: Object.entries(expected).map(([streamId, version]) => ({ streamId, expected: version })),
    events: events.map(({ stream, payload = {}, id: eventId = newId(), type = 'Noted' }) => ({
      id: eventId,
      streamId: stream,
      type,
      occurredAt: '2026-01-31T23:59:59.999Z',
      metadata: { correlationId: 'test' },
      payload,
    })),
  };
}

/** Waits until something is so. @param {() => unknown} holds It may answer later. */
export async function until(holds, ms = 60_000) {
  const deadline = Date.now() + ms;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`it did not come to be in ${ms / 1_000} s: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
