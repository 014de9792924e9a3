// `npm run bench -- endpoint`: what goes into PostgreSQL and comes out of it, by competitor, on one server.

import { startPostgres } from '../../js/tools/postgres.mjs';
import { run as command } from '../../js/tools/run.mjs';
import { step } from '../../js/tools/step.mjs';
import { emmett } from './endpoint/emmett.mjs';
import { endpoint, store } from './endpoint/eventcore.mjs';
import { insert } from './endpoint/insert.mjs';
import { CALLERS, COMMIT } from './endpoint/loop.mjs';
import { chosen, interleaved } from './support/interleaved.mjs';

const COMPETITORS = { insert, emmett, store, endpoint };
const EVENTS = { unit: 'events/s', better: 'more' };
/** @type {Record<string, import('./support/report.mjs').Row & { about: string }>} */
const ROWS = {
  push: {
    ...EVENTS,
    about: `${CALLERS} callers at once, each of whom appends single events to streams of its own`,
  },
  commits: { ...EVENTS, about: `commits of ${COMMIT} events, one after the other; by hand: single events` },
  feed: { ...EVENTS, about: 'the feed by pages of 1,000: rows of `pg` by hand, text through HTTP' },
};
/** Of the rows, how long a call takes. */
const TIMES = { unit: 'ms', better: 'less' };
const FEED_EVENTS = 20_000;

export const about = 'the endpoint and its store against INSERTs over pg, and Emmett, on one PostgreSQL';

export const options = {
  rows: { default: 'all', about: `of ${Object.keys(ROWS).join(', ')}` },
  competitors: { default: 'all', about: `of ${Object.keys(COMPETITORS).join(', ')}` },
  repeat: { default: '5', about: 'repetitions' },
  seconds: { default: '2', about: 'that each measurement takes' },
};

/** @returns {Promise<import('./support/report.mjs').Report>} */
export async function run({ rows, competitors, repeat, seconds }) {
  const wanted = chosen(rows, Object.keys(ROWS));
  const names = chosen(competitors, Object.keys(COMPETITORS));
  await step('compiling the server and its load for speed', () =>
    command('cargo', [
      ...['build', '--quiet', '--release', '--features', 'server'],
      ...['--bin', 'eventcore-server', '--example', 'bench-endpoint'],
    ]),
  );
  const postgres = await startPostgres();
  const started = {};
  try {
    for (const name of names) started[name] = await COMPETITORS[name](postgres.url);
    const results = {};
    for (const row of wanted) {
      const able = names.filter((name) => started[name][row]);
      if (row === 'feed') {
        for (const name of able) await started[name].empty().then(() => started[name].fill(FEED_EVENTS));
      }
      const measured = await interleaved(able, Number(repeat), async (name, repetition) => {
        const { rate, p50, p99 } = await started[name][row](`${row}-${repetition}`, Number(seconds));
        if (row !== 'feed') await started[name].empty();
        return { [row]: rate, [`${row} p50`]: p50, [`${row} p99`]: p99 };
      });
      Object.assign(results, measured);
    }
    const kinds = wanted.flatMap((row) => [
      [row, ROWS[row]],
      [`${row} p50`, TIMES],
      [`${row} p99`, TIMES],
    ]);
    return { rows: Object.fromEntries(kinds), base: 'insert', results };
  } finally {
    for (const each of Object.values(started)) await each.stop();
    await postgres.stop();
  }
}
