// What every host of the endpoint does, seen from outside: the same cases over a real socket for each of them.

import { after, before, describe } from 'node:test';
import { badInput } from './endpoint/bad-input.mjs';
import { feed } from './endpoint/feed.mjs';
import { following } from './endpoint/following.mjs';
import { outage } from './endpoint/outage.mjs';
import { refusals } from './endpoint/refusals.mjs';
import { talk } from './endpoint/talk.mjs';
import { lingering, tokens } from './endpoint/tokens.mjs';

export { ADMITTED } from './endpoint/refusals.mjs';
export { BODY_TIMEOUT, SECRET } from './endpoint/tokens.mjs';

/** Longer than any case takes on a slow machine, and shorter than who waits for the suite. */
const TIMEOUT_MS = 600_000;

/** @typedef {import('./endpoint/talk.mjs').Host} Host */

/**
 * @param {string} name
 * @param {() => Promise<Host>} start A host on an empty schema; it admits pages of `ADMITTED`.
 * @param {{ canLoseDatabase?: boolean }} [options] Whether `database` can be killed and started again.
 */
export function endpointSuite(name, start, { canLoseDatabase = false } = {}) {
  describe(name, { timeout: TIMEOUT_MS }, () => {
    const talking = talk(hostOf(start));
    feed(talking);
    refusals(talking);
    badInput(talking);
    following(talking);
    if (canLoseDatabase) outage(talking);
  });
}

/**
 * The hosts side by side, since each mostly waits.
 * @param {Record<string, () => Promise<Host>>} starts Hosts that verify tokens by `SECRET`, and give bodies
 * `BODY_TIMEOUT` seconds.
 * @param {{ ownHttp?: boolean }} [options] Whether their HTTP is this project's.
 */
export function tokenSuite(starts, { ownHttp = false } = {}) {
  describe('with tokens', { concurrency: true, timeout: TIMEOUT_MS }, () => {
    for (const [name, start] of Object.entries(starts)) {
      describe(name, { concurrency: 1 }, () => {
        const talking = talk(hostOf(start));
        tokens(talking);
        if (ownHttp) lingering(talking);
      });
    }
  });
}

/** A host for the cases of this suite. @param {() => Promise<Host>} start */
function hostOf(start) {
  /** @type {Host} */
  let host;
  before(async () => {
    host = await start();
  });
  after(() => host?.stop());
  return () => host;
}
