// Pages of the project in a browser, and what they answer.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { launchChromium } from '../../js/tools/chromium.mjs';
import { inside, install } from './project.mjs';
import { serve } from './serve.mjs';

/** A browser that is slower than ours. */
export const PATIENCE_MS = 120_000;

export const HTML = (script) =>
  `<!doctype html><link rel="icon" href="data:,"><script type="module" src="${script}"></script>`;

/** What a page needs that lets nothing be evaluated but WebAssembly. */
export const STRICT = {
  'content-security-policy': "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src data:",
};

/** What the app answers where all is well: see `apps/app.js`. */
export const WELL = { version: 1, item: 'tea', followed: { item: 'tea' }, conflict: true };

/** What the endpoint answers without a database: see `apps/endpoint.js`. */
export const ENDPOINT_WELL = { health: 200, feed: 503, code: 'STORAGE_UNAVAILABLE' };

/** The page's result; what goes wrong in it fails the test, unless it may load again. */
export async function visit(browser, url, { mayReload = false } = {}) {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    const faults = [];
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
    await page.goto(url);
    const result = await page
      .waitForFunction(() => globalThis.result, null, { timeout: PATIENCE_MS })
      .catch((error) => {
        throw new Error(`${url} has no result; ${faults.join('; ')}`, { cause: error });
      });
    if (!mayReload) assert.deepEqual(faults, []);
    return await result.jsonValue();
  } finally {
    await context.close();
  }
}

/** Serves a folder of the project strictly, and visits it. */
export async function visitFolder(browser, folder, page = '', headers = STRICT) {
  const site = await serve(inside(folder), headers);
  try {
    return await visit(browser, site.url + page);
  } finally {
    await site.stop();
  }
}

/**
 * A page of the project that all tests of a file look at.
 * @param {() => Promise<{ folder: string, path?: string, ready?: () => unknown }>} bundle Bundles it, and answers where
 * it lies, and what holds in it once it is loaded.
 */
export function lookedAt(bundle) {
  let browser;
  let site;
  const looked = {
    /** @type {import('playwright-core').Page} */
    page: undefined,
    /** What was thrown in it, and what it was told as an error. */
    faults: [],
    /** Waits until something holds in the page; else it is said what was expected, and what is there. */
    async holds(predicate, argument, expected) {
      const held = looked.page.waitForFunction(predicate, argument, { timeout: PATIENCE_MS });
      await held.catch(async (error) => {
        const shown = await looked.page.innerHTML('#root');
        throw new Error(`expected ${expected}; there is ${shown}; ${looked.faults}`, { cause: error });
      });
    },
  };
  before(async () => {
    await install();
    const { folder, path = '', ready = () => true } = await bundle();
    site = await serve(folder);
    browser = await launchChromium();
    looked.page = await browser.newPage();
    looked.page.on('pageerror', (error) => looked.faults.push(error.message));
    looked.page.on('console', (message) => {
      // That nobody listens is what a sync is to meet.
      const told = message.type() === 'error' && !/net::ERR_/.test(message.text());
      if (told) looked.faults.push(message.text());
    });
    await looked.page.goto(site.url + path);
    await looked.holds(ready, null, 'the page is loaded');
  });
  after(async () => {
    await browser?.close();
    await site?.stop();
  });
  return looked;
}
