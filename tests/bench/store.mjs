// `npm run bench -- store`: the local store against what people would use instead, each in a browser of its own
// with a fresh profile.

import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { build } from '../../js/tools/build.mjs';
import { freshProfile, launchPersistentContext } from '../../js/tools/chromium.mjs';
import { launchBrowser } from '../../js/tools/drivers.mjs';
import { peers } from '../../js/tools/peers.mjs';
import { ROOT } from '../../js/tools/run.mjs';
import { bundle } from './support/bundle.mjs';
import { chosen, interleaved } from './support/interleaved.mjs';
import { startBenchSite } from './support/site.mjs';

const ADAPTERS = ['hand', 'group', 'dexie', 'idb', 'sqlite', 'rxdb', 'pouchdb', 'eventcore', 'limit'];
/** Packages of many files, installed and bundled for whoever asks. */
const PEERS = { rxdb: 'rxdb', pouchdb: 'pouchdb-browser' };
const EVENTS = { unit: 'events/s', better: 'more' };
/** @type {Record<string, import('./support/report.mjs').Row & { about: string }>} */
const ROWS = {
  sequential: { ...EVENTS, about: 'single appends one after the other, relaxed' },
  strict: { ...EVENTS, about: 'the same, each flushed to the disk' },
  streams: { ...EVENTS, about: '50 streams, an append to each at once, then the next' },
  burst: { ...EVENTS, about: '50 streams, 20 appends to each at once' },
  commits: { ...EVENTS, about: 'commits of 100 events, one after the other' },
  stream: { ...EVENTS, about: 'a stream of 10,000 read whole' },
  feed: { ...EVENTS, about: 'the feed read by pages of 1,000' },
  open: { unit: 'ms', better: 'less', about: 'a new browser, to the first events of a large database' },
  bytes: { unit: 'B/event', better: 'less', about: 'what the large database takes on the disk' },
};
const LARGE = ['open', 'bytes'];

/** As apps ship them: `eventcore-web` is bundled first. */
const IMPORTS = {
  dexie: '/node_modules/dexie/dist/modern/dexie.mjs',
  idb: '/node_modules/idb/build/index.js',
};

export const about =
  'the local store against IndexedDB by hand, Dexie, idb, SQLite, RxDB and PouchDB in a browser';

export const options = {
  rows: { default: 'all', about: `of ${Object.keys(ROWS).join(', ')}` },
  adapters: { default: 'all', about: `of ${ADAPTERS.join(', ')}` },
  repeat: { default: '5', about: 'repetitions' },
  events: { default: '100000', about: 'events of the large database' },
  browser: {
    default: 'chromium',
    about: 'chromium, firefox or webkit; the large database and SQLite are measured in Chromium alone',
  },
};

/** @returns {Promise<import('./support/report.mjs').Report>} */
export async function run({ rows, adapters, repeat, events, browser }) {
  // Other browsers' profiles end with them, and WebKit has no OPFS.
  const isChromium = browser === 'chromium';
  const wanted = chosen(rows, Object.keys(ROWS)).filter((row) => isChromium || !LARGE.includes(row));
  const competitors = chosen(adapters, ADAPTERS).filter((adapter) => isChromium || adapter !== 'sqlite');
  const count = Number(events);
  await build(['client', 'ts']);
  const site = await startBenchSite({
    ...IMPORTS,
    'eventcore-web': await bundle('eventcore-web', path.join(ROOT, 'dist', 'index.js')),
    ...(await bundledPeers(competitors.flatMap((adapter) => PEERS[adapter] ?? []))),
  });
  const profiles = new Map();
  try {
    const small = wanted.filter((row) => !LARGE.includes(row));
    const results = {};
    if (small.length > 0) {
      const measure = (adapter) =>
        isChromium
          ? measureRows(site.url, adapter, small)
          : inFreshBrowser(browser, site.url, small, { adapter });
      Object.assign(results, await interleaved(competitors, Number(repeat), measure));
    }
    if (small.length < wanted.length) {
      for (const adapter of competitors) {
        profiles.set(adapter, freshProfile());
        await inPage(site.url, profiles.get(adapter), 'prepare', { adapter, count });
      }
      const opened = await interleaved(competitors, Number(repeat), async (adapter) => {
        const open = await inPage(site.url, profiles.get(adapter), 'opening', { adapter });
        return { open, bytes: bytesBelow(path.join(profiles.get(adapter).userDataDir, 'Default')) / count };
      });
      for (const row of LARGE) if (wanted.includes(row)) results[row] = opened[row];
    }
    return { rows: Object.fromEntries(wanted.map((row) => [row, ROWS[row]])), base: 'hand', results };
  } finally {
    for (const profile of profiles.values()) profile.remove();
    await site.stop();
  }
}

/** Where these packages lie, for the page to import. @param {string[]} names */
async function bundledPeers(names) {
  const imports = {};
  if (names.length === 0) return imports;
  for (const { name, file } of await peers()) {
    if (names.includes(name)) imports[name] = await bundle(name, file);
  }
  return imports;
}

/**
 * Rows of an adapter in a browser that is started for them, each in a page of its own.
 * @param {string} name @param {string} url @param {string[]} rows @param {{ adapter: string }} what
 */
export async function inFreshBrowser(name, url, rows, what) {
  const browser = await launchBrowser(name);
  const values = {};
  try {
    for (const row of rows) {
      const page = await browser.newPage();
      await page.goto(url);
      values[row] = await page.evaluate(
        async (argument) => (await import('/tests/bench/store/page.mjs')).measure(argument),
        { ...what, row },
      );
      await page.close();
    }
    return values;
  } finally {
    await browser.close();
  }
}

/** All small rows, in one fresh profile. */
async function measureRows(url, adapter, rows) {
  const profile = freshProfile();
  const values = {};
  try {
    for (const row of rows) values[row] = await inPage(url, profile, 'measure', { adapter, row });
    return values;
  } finally {
    profile.remove();
  }
}

/** Calls a function of the page's module in a browser that is started for it. */
async function inPage(url, { userDataDir }, name, argument) {
  const context = await launchPersistentContext(userDataDir);
  try {
    const page = context.pages()[0] ?? (await context.newPage());
    await page.goto(url);
    return await page.evaluate(
      async ([name, argument]) => (await import('/tests/bench/store/page.mjs'))[name](argument),
      [name, argument],
    );
  } finally {
    await context.close();
  }
}

/** Bytes of the files in which Chromium keeps IndexedDB and OPFS. */
function bytesBelow(profile) {
  const sum = (folder) =>
    readdirSync(folder, { withFileTypes: true }).reduce((total, entry) => {
      const at = path.join(folder, entry.name);
      return total + (entry.isDirectory() ? sum(at) : statSync(at).size);
    }, 0);
  return ['IndexedDB', 'File System']
    .map((name) => path.join(profile, name))
    .reduce((total, folder) => total + (statSync(folder, { throwIfNoEntry: false }) ? sum(folder) : 0), 0);
}
