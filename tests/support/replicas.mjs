// Replicas in Node against the native endpoint on PostgreSQL, with a proxy in between that a test may play with.

import { after, before, beforeEach } from 'node:test';
import { EventStore } from 'eventcore-web';
import { startPostgres } from '../../js/tools/postgres.mjs';
import { buildServer, startServer } from './hosts.mjs';
import { startProxy } from './proxy.mjs';

/**
 * @typedef {object} World What the tests of a file share, from the first of them on.
 * @property {Awaited<ReturnType<typeof startPostgres>>} postgres
 * @property {Awaited<ReturnType<typeof startServer>>} server
 * @property {Awaited<ReturnType<typeof startProxy>>} proxy It passes everything on when a test begins.
 * @property {string} space Of the test, and of no other.
 */

/** Sets the world of a file's tests up. */
export function replicating() {
  /** @type {World} */
  const world = {};
  let spaces = 0;
  before(async () => {
    [world.postgres] = await Promise.all([startPostgres(), buildServer()]);
    world.server = await startServer(['--database-url', world.postgres.url]);
    world.proxy = await startProxy(world.server.url);
  });
  after(async () => {
    await world.proxy?.stop();
    await world.server?.stop();
    await world.postgres?.stop();
  });
  beforeEach(() => {
    world.proxy.fate = () => 'pass';
    world.proxy.asked.length = 0;
    world.space = `space-${++spaces}`;
  });
  /** A replica of the space; closed when the test ends. */
  const replica = async (context, options = {}) => {
    const { proxy, space } = world;
    const store = await EventStore.open('replica', { storage: 'memory' });
    context.after(() => store.close());
    const sync = store.sync({ url: proxy.url, space, pollInterval: 50, live: false, ...options });
    return { store, sync };
  };
  return { world, replica };
}

/** Waits until the status is as wanted. */
export function until(sync, wanted) {
  return new Promise((resolve) => {
    let found = false;
    let leave = () => {};
    leave = sync.subscribe((status) => {
      if (found || !wanted(status)) return;
      found = true;
      leave();
      resolve(status);
    });
    if (found) leave();
  });
}

export const noted = (streamId, expectedVersion, payload = {}) => ({
  streamId,
  type: 'Noted',
  payload,
  expectedVersion,
});

export const notes = (events) => events.map(({ payload }) => payload.note);
