// A native server for each test of a file, over one PostgreSQL, and a folder for what it is told by files.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before } from 'node:test';
import { startPostgres } from '../../js/tools/postgres.mjs';
import { buildServer, startServer } from './hosts.mjs';
import { commit, send } from './http.mjs';

/**
 * @typedef {object} World What the tests of a file share, from the first of them on.
 * @property {Awaited<ReturnType<typeof startPostgres>>} postgres
 * @property {string} folder
 */

/** Sets the world of a file's tests up. */
export function serving() {
  /** @type {World} */
  const world = {};
  before(async () => {
    world.folder = await mkdtemp(path.join(tmpdir(), 'eventcore-server-'));
    [world.postgres] = await Promise.all([startPostgres(), buildServer()]);
  });
  after(async () => {
    await world.postgres?.stop();
    await rm(world.folder, { recursive: true, force: true });
  });
  /** Writes a file, and answers where it is. */
  const file = async (name, content) => {
    const place = path.join(world.folder, name);
    await writeFile(place, content);
    return place;
  };
  const start = (...args) => startServer(['--database-url', world.postgres.url, ...args]);
  return { world, file, start };
}

export const bearer = (token) => ({ authorization: `Bearer ${token}` });

export const events = (url, space, token, more = {}) =>
  send(url, 'GET', `/v1/spaces/${space}/events`, { headers: { ...(token && bearer(token)), ...more } });

export const push = (url, space, headers = {}, commits = [commit({ s: 'noCheck' }, [{ stream: 's' }])]) =>
  send(url, 'POST', `/v1/spaces/${space}/push`, { headers, body: JSON.stringify({ commits }) });
