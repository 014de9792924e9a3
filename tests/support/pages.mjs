// Pages that have the wasm module for tests loaded, as `globalThis.module`.

import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { BROWSERS, wantedBrowsers } from '../../js/tools/browsers.mjs';
import { launchBrowser } from '../../js/tools/drivers.mjs';
import { startSite } from './site.mjs';

/** @typedef {import('../../js/tools/drivers.mjs').Page} Page */

/**
 * @typedef {object} World What the tests of one browser share, from the first of them on.
 * @property {string} name Of the browser.
 * @property {Awaited<ReturnType<typeof startSite>>} site
 * @property {import('../../js/tools/drivers.mjs').Browser} browser
 * @property {Page} page On the site.
 */

/**
 * Defines the same tests for each browser, over a folder below `dist`.
 * @param {string} folder @param {(world: World) => void} define
 * @param {{ names?: string[], load?: (page: Page) => Promise<unknown>, scripts?: Record<string, string> }} [options]
 *   Browsers other than all, what a page needs before it is used (the module for tests, where nothing else is
 *   said), and scripts that the site serves beside the folder.
 */
export function inEachBrowser(
  folder,
  define,
  { names = Object.keys(BROWSERS), load = loadModule, scripts = {} } = {},
) {
  for (const name of wantedBrowsers().filter((wanted) => names.includes(wanted))) {
    describe(BROWSERS[name].title, () => {
      const world = /** @type {World} */ ({ name });
      before(async () => {
        world.site = await startSite(folder, scripts);
        world.browser = await launchBrowser(name);
        world.page = await openPage(world.browser, world.site.url, load);
      });
      after(async () => {
        await world.browser?.close();
        await world.site?.stop();
      });
      define(world);
    });
  }
}

/**
 * Opens a page of a site and loads into it what it needs.
 * @param {Pick<import('../../js/tools/drivers.mjs').Browser, 'newPage'>} browser @param {string} url
 */
export async function openPage(browser, url, load = loadModule) {
  const page = await browser.newPage();
  await page.goto(url);
  await load(page);
  return page;
}

/** Loads the module again, as after a reload. @param {Page} page */
export async function loadModule(page) {
  await page.evaluate(async () => {
    const module = await import('/eventcore.js');
    await module.default();
    globalThis.module = module;
  });
}

/** What went wrong outside of a promise since it was last asked fails the test. @param {Page} page */
export async function nothingFailed(page) {
  const faults = await page.evaluate(() => globalThis.faults.splice(0));
  assert.deepEqual(faults, [], 'nothing fails outside of the promises');
}

/**
 * Calls in the page, and answers what it threw as a plain object, so that its code is not lost on the way.
 * @template T
 * @param {Page} page
 * @param {(argument: any) => Promise<T>} work @param {unknown} [argument]
 * @returns {Promise<{ value?: T, error?: { message: string, code?: string, details?: any } }>}
 */
export function outcome(page, work, argument) {
  return page.evaluate(
    ([source, argument]) =>
      // The source is a function of this very test.
      new Function(`return (${source})`)()(argument).then(
        (value) => ({ value }),
        (error) => ({
          error: {
            name: error.name,
            message: String(error.message ?? error),
            code: error.code,
            details: error.details && JSON.parse(error.details),
          },
        }),
      ),
    [work.toString(), argument],
  );
}
