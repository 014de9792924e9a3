// Fills a space of an endpoint over its protocol.

import { commit } from '../../support/http.mjs';
import { payload } from '../support/payload.mjs';

const STREAMS = 1_000;
/** Events of a commit, and commits of a push. */
const [EVENTS, COMMITS] = [5, 1_000];

/** @param {string} url @param {string} space @param {number} count */
export async function fill(url, space, count) {
  let written = 0;
  while (written < count) {
    const commits = [];
    for (; commits.length < COMMITS && written < count; written += EVENTS) {
      const stream = `stream-${(written / EVENTS) % STREAMS}`;
      const size = Math.min(EVENTS, count - written);
      const events = Array.from({ length: size }, (_, at) => ({
        stream,
        type: 'OrderPlaced',
        payload: payload(written + at),
      }));
      commits.push(commit({ [stream]: 'noCheck' }, events));
    }
    const answer = await fetch(`${url}/v1/spaces/${space}/push`, {
      method: 'POST',
      body: JSON.stringify({ commits }),
      headers: { 'content-type': 'application/json', 'eventcore-protocol': '1' },
    });
    if (!answer.ok) throw new Error(`filling answered ${answer.status}: ${await answer.text()}`);
    await answer.arrayBuffer();
  }
}
