// `npm run bench -- layouts`: ways to lay events out in IndexedDB, in plain JavaScript: what the choice of the
// store's layout goes by, in every browser.

import { inFreshBrowser } from './store.mjs';
import { chosen, interleaved } from './support/interleaved.mjs';
import { startBenchSite } from './support/site.mjs';

const EVENTS = { unit: 'events/s', better: /** @type {const} */ ('more') };
const LAYOUTS = {
  rows: 'a record for each event, a unique index on stream and version: by hand',
  indexed: 'a record for each transaction, indexes by stream and moment, the state read first: schema 1',
  stated: 'a record for each transaction without an index, the state read first',
  folded: 'a record for each transaction without an index, added without looking; folded at 128: schema 2',
};
const ROWS = {
  sequential: { ...EVENTS, about: 'single appends one after the other, relaxed' },
  strict: { ...EVENTS, about: 'the same, each flushed to the disk' },
  commits: { ...EVENTS, about: 'commits of 100 events, one after the other' },
  stream: { ...EVENTS, about: 'a stream of 10,000 read whole' },
  feed: { ...EVENTS, about: 'the feed read by pages of 1,000' },
  singles: { ...EVENTS, about: 'the feed of 2,000 events that were appended one at a time' },
};

export const about = `layouts in IndexedDB:${Object.entries(LAYOUTS).map(([name, it]) => `\n  ${name}: ${it}`)}`;

export const options = {
  rows: { default: 'all', about: `of ${Object.keys(ROWS).join(', ')}` },
  layouts: { default: 'all', about: `of ${Object.keys(LAYOUTS).join(', ')}` },
  repeat: { default: '5', about: 'repetitions' },
  browser: { default: 'chromium', about: 'chromium, firefox or webkit' },
};

/** @returns {Promise<import('./support/report.mjs').Report>} */
export async function run({ rows, layouts, repeat, browser }) {
  const wanted = chosen(rows, Object.keys(ROWS));
  const competitors = chosen(layouts, Object.keys(LAYOUTS));
  const site = await startBenchSite({});
  try {
    const results = await interleaved(competitors, Number(repeat), (layout) =>
      inFreshBrowser(browser, site.url, wanted, { adapter: `layouts/${layout}` }),
    );
    return { rows: Object.fromEntries(wanted.map((row) => [row, ROWS[row]])), base: 'rows', results };
  } finally {
    await site.stop();
  }
}
