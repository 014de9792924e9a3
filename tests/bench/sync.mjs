// `npm run bench -- sync`: what a sync takes in Chromium, against the native endpoint on PostgreSQL, beside the plain
// cost of the same: the rows by `COPY` into a table like the endpoint's, and the records into IndexedDB by hand.

import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { build } from '../../js/tools/build.mjs';
import { freshProfile, launchPersistentContext } from '../../js/tools/chromium.mjs';
import { startPostgres } from '../../js/tools/postgres.mjs';
import { say } from '../../js/tools/step.mjs';
import { buildServer, startServer } from '../support/hosts.mjs';
import { chosen, interleaved } from './support/interleaved.mjs';
import { startBenchSite } from './support/site.mjs';
import { fill } from './sync/fill.mjs';

/** @type {Record<string, import('./support/report.mjs').Row & { about: string }>} */
const ROWS = {
  push: {
    unit: 'ms',
    better: 'less',
    about: 'pending commits of one event until PostgreSQL has them and IndexedDB knows',
  },
  pull: { unit: 'ms', better: 'less', about: 'the events of a space until a fresh replica has them' },
};

export const about = 'a sync in a browser against the native endpoint, beside COPY and IndexedDB by hand';

export const options = {
  rows: { default: 'all', about: `of ${Object.keys(ROWS).join(', ')}` },
  repeat: { default: '3', about: 'repetitions' },
  commits: { default: '10000', about: 'pending commits' },
  events: { default: '100000', about: 'events of the space that is pulled' },
};

/** @returns {Promise<import('./support/report.mjs').Report>} */
export async function run({ rows, repeat, commits, events }) {
  const wanted = chosen(rows, Object.keys(ROWS));
  await build(['client', 'ts']);
  await buildServer({ release: true });
  const site = await startBenchSite({ 'eventcore-web': '/dist/index.js' });
  const postgres = await startPostgres();
  const origin = new URL(site.url).origin;
  const args = ['--database-url', postgres.url, '--allow-origin', origin];
  const server = await startServer(args, { release: true });
  const database = new pg.Client({ connectionString: postgres.url });
  try {
    await database.connect();
    if (wanted.includes('pull')) await fill(server.url, 'pulled', Number(events));
    const results = {};
    for (const row of wanted) {
      // The plain costs are those of what the sync just moved.
      const measured = await interleaved(['plain'], Number(repeat), async (_, repetition) => {
        const space = row === 'push' ? `pushed-${repetition}` : 'pulled';
        const browser = await measure(site.url, server.url, row, space, Number(commits));
        const copy = await copied(database, space, path.join(tmpdir(), `eventcore-rows-${process.pid}`));
        return { sync: browser.sync, copy, indexeddb: browser.plain };
      });
      const { sync, copy, indexeddb } = Object.fromEntries(
        Object.entries(measured).map(([name, { plain }]) => [name, plain]),
      );
      results[row] = { plain: copy.map((ms, at) => ms + indexeddb[at]), copy, indexeddb, eventcore: sync };
    }
    return { rows: Object.fromEntries(wanted.map((row) => [row, ROWS[row]])), base: 'plain', results };
  } finally {
    await database.end();
    await server.stop();
    await postgres.stop();
    await site.stop();
  }
}

/** The sync of one row in a fresh browser, and what its records take by hand in the same browser. */
async function measure(site, url, row, space, commits) {
  const profile = freshProfile();
  const context = await launchPersistentContext(profile.userDataDir);
  try {
    const page = context.pages()[0] ?? (await context.newPage());
    page.on('pageerror', (error) => say(`  ${error}`));
    const call = async (name, argument) => {
      // A fresh page remembers nothing.
      await page.goto(site);
      return page.evaluate(
        async ([name, argument]) => (await import('/tests/bench/sync/page.mjs'))[name](argument),
        [name, argument],
      );
    };
    if (row === 'push') await call('write', { url, space, commits });
    const sync = await call(row, { url, space, commits });
    const plain = await call('byHand', {});
    return { sync, plain };
  } finally {
    await context.close();
    profile.remove();
  }
}

/** Milliseconds of a `COPY` of the space's rows into an empty table like the endpoint's, with its indexes. */
async function copied(database, space, file) {
  const name = database.escapeLiteral(space);
  try {
    await database.query(`copy (select * from eventcore.events where space = ${name}) to '${file}'`);
    await database.query(
      'drop table if exists plain; create table plain (like eventcore.events including all)',
    );
    await database.query('checkpoint');
    const began = performance.now();
    await database.query(`copy plain from '${file}'`);
    return performance.now() - began;
  } finally {
    rmSync(file, { force: true });
  }
}
