// One way to drive every browser that tests run in: pages over one profile, JavaScript in them, and a sudden end.

import { launchChromiumProfile } from './chromium.mjs';
import { launchFirefox } from './firefox.mjs';
import { launchWebKit } from './webkit.mjs';

/**
 * @typedef {object} Page
 * @property {(url: string) => Promise<unknown>} goto
 * @property {() => Promise<unknown>} reload
 * @property {(work: (argument: any) => any, argument?: unknown) => Promise<any>} evaluate Calls a function in the
 *   page; it has nothing but its argument, and argument and answer are JSON.
 * @property {() => Promise<void>} close
 *
 * @typedef {object} Browser
 * @property {() => Promise<Page>} newPage Pages of a browser share their storage.
 * @property {() => Promise<void>} close
 * @property {() => Promise<void>} kill Ends all of its processes in the middle of what they do.
 */

const LAUNCH = { chromium: launchChromiumProfile, firefox: launchFirefox, webkit: launchWebKit };

/**
 * Starts a browser with empty storage. @param {string} name
 * @returns {Promise<Browser>}
 */
export function launchBrowser(name) {
  return LAUNCH[name]();
}
