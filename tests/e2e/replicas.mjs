// The world of a sync in browsers: PostgreSQL, the native endpoint, a network under the test's control, and pages
// with replicas.

import { readFile } from 'node:fs/promises';
import { after, afterEach, before, beforeEach, describe } from 'node:test';
import pg from 'pg';
import { BROWSERS, wantedBrowsers } from '../../js/tools/browsers.mjs';
import { launchBrowser } from '../../js/tools/drivers.mjs';
import { startPostgres } from '../../js/tools/postgres.mjs';
import { buildServer, startServer } from '../support/hosts.mjs';
import { openPage } from '../support/pages.mjs';
import { startProxy } from '../support/proxy.mjs';
import { startSite } from '../support/site.mjs';

/** @typedef {Awaited<ReturnType<typeof startWorld>>} World */

/** Starts what the browsers talk to. */
export async function startWorld() {
  const [postgres] = await Promise.all([startPostgres(), buildServer()]);
  const server = await startServer(['--database-url', postgres.url, '--allow-origin', '*']);
  const proxy = await startProxy(server.url);
  const script = await readFile(new URL('page/replicas.mjs', import.meta.url), 'utf8');
  const site = await startSite('', { '/replicas.mjs': script });
  const database = new pg.Client({ connectionString: postgres.url });
  await database.connect();
  let spaces = 0;
  return {
    proxy,
    site,
    newSpace: () => `space-${++spaces}`,
    /** What PostgreSQL has of a space, in order: `[position, stream, version, note]`. */
    async rows(space) {
      const { rows } = await database.query(
        `select position::int, stream_id, version::int, payload->'note' as note from eventcore.events
         where space = $1 order by position`,
        [space],
      );
      return rows.map(({ position, stream_id, version, note }) => [position, stream_id, version, note]);
    },
    async stop() {
      await database.end();
      await site.stop();
      await proxy.stop();
      await server.stop();
      await postgres.stop();
    },
  };
}

/** A page, and its replicas: each call is one of `page/replicas.mjs`. */
export class Tab {
  /** @param {Pick<import('../../js/tools/drivers.mjs').Browser, 'newPage'>} browser @param {string} url */
  static async open(browser, url) {
    return new Tab(await openPage(browser, url, load));
  }

  /** @param {import('../../js/tools/drivers.mjs').Page} page */
  constructor(page) {
    this.page = page;
    this.closed = false;
  }

  /** @param {string} name @param {unknown[]} args @returns {Promise<any>} */
  call(name, ...args) {
    return this.page.evaluate(([name, args]) => globalThis.replicas[name](...args), [name, args]);
  }

  /** Ends it as a user does, in the middle of whatever it does. */
  async close() {
    if (this.closed) return;
    this.closed = true;
    await this.page.close();
  }

  async reload() {
    await this.page.reload();
    await load(this.page);
  }
}

const load = (page) => page.evaluate(() => import('/replicas.mjs').then(() => {}));

/**
 * Defines the same tests for each browser.
 * @param {(shared: { world: World, browser: import('../../js/tools/drivers.mjs').Browser, name: string,
 *   space: string, open: (url?: string) => Promise<Tab> }) => void} define `space` is new for each test.
 */
export function inEachBrowser(define) {
  describe('in browsers', () => {
    const shared = /** @type {any} */ ({});
    before(async () => {
      shared.world = await startWorld();
    });
    after(() => shared.world?.stop());
    for (const name of wantedBrowsers()) {
      describe(BROWSERS[name].title, () => {
        /** @type {Tab[]} */
        const tabs = [];
        before(async () => {
          shared.name = name;
          shared.browser = await launchBrowser(name);
          shared.open = async (url = shared.world.site.url) => {
            const tab = await Tab.open(shared.browser, url);
            tabs.push(tab);
            return tab;
          };
        });
        // A browser opens few connections to an endpoint, and a replica that follows it keeps one.
        afterEach(() => Promise.all(tabs.splice(0).map((tab) => tab.close())));
        beforeEach(() => {
          shared.space = shared.world.newSpace();
          shared.world.proxy.fate = () => 'pass';
          shared.world.proxy.asked.length = 0;
        });
        after(() => shared.browser?.close());
        define(shared);
      });
    }
  });
}
