// What the cases of the endpoint's suite have in common: requests whose answers are held to the OpenAPI document.

import assert from 'node:assert/strict';
import { follow, send } from '../http.mjs';
import { assertDocumented } from '../openapi.mjs';

let spaces = 0;

/**
 * @typedef {{ url: string, stop: () => Promise<unknown>, database?: { kill(): Promise<void>, restart(): Promise<void> } }} Host
 * @typedef {ReturnType<typeof talk>} Talk
 * @param {() => Host} host Which host is talked to; it is asked for with each request.
 */
export function talk(host) {
  /** A space that nobody wrote to. */
  const fresh = () => `space-${++spaces}`;
  /** Every answer is held to the OpenAPI document. */
  const call = async (method, path, options) => {
    const received = await send(host().url, method, path, options);
    if (method !== 'OPTIONS') assertDocumented(method, path, received);
    return received;
  };
  const push = async (space, ...commits) => {
    const body = JSON.stringify({ commits });
    const received = await call('POST', `/v1/spaces/${encodeURIComponent(space)}/push`, { body });
    assert.equal(received.status, 200, received.text);
    return received.json;
  };
  const pull = async (space, query = '') => {
    const received = await call('GET', `/v1/spaces/${encodeURIComponent(space)}/events?${query}`);
    assert.equal(received.status, 200, received.text);
    return received.json;
  };
  const refused = async (status, code, ...request) => {
    const received = await call(...request);
    assert.deepEqual([received.status, received.json?.error?.code], [status, code], received.text);
    assert.equal(typeof received.json.error.message, 'string');
    return received;
  };

  /** Follows a space; the answer's `pages` are the messages that have pages. */
  const live = async (space, query = '', headers = {}) => {
    const stream = await follow(host().url, `/v1/spaces/${encodeURIComponent(space)}/live?${query}`, headers);
    assert.equal(stream.status, 200);
    const pages = (async function* () {
      for await (const message of stream.messages) if (message.event === 'page') yield message;
    })();
    const next = async () => (await pages.next()).value;
    return { ...stream, next, pages };
  };

  return { host, fresh, call, push, pull, refused, live };
}
