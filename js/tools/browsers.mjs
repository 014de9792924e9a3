// The browsers that tests run in: where they are, and how they are installed.

import { isMain } from './run.mjs';
import { Failure, main, say } from './step.mjs';
import { findProgram, installPackages } from './system.mjs';

/**
 * @typedef {object} Browser
 * @property {string} title
 * @property {string} variable The environment variable that names its program and wins over all others.
 * @property {string[]} packages Debian's.
 * @property {string[]} programs Names in PATH and usual places, best first.
 * @property {string} elsewhere What to do on other systems.
 */

/** @type {Record<string, Browser>} */
export const BROWSERS = {
  chromium: {
    title: 'Chromium',
    variable: 'CHROMIUM_PATH',
    packages: ['chromium'],
    programs: [
      '/usr/bin/chromium',
      'chromium',
      'chromium-browser',
      'google-chrome',
      'google-chrome-stable',
      '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
      '/Applications/Chromium.app/Contents/MacOS/Chromium',
      'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
      'C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe',
      'C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe',
    ],
    elsewhere: 'install Chrome or Chromium, or name its program in CHROMIUM_PATH',
  },
};

/**
 * The browser's program; installs it where that is ours to do.
 * @param {keyof typeof BROWSERS} name
 */
export async function requireBrowser(name) {
  const browser = BROWSERS[name];
  if (!browser)
    throw new Failure(`unknown browser ${name}`, { next: `one of: ${Object.keys(BROWSERS).join(', ')}` });
  const named = process.env[browser.variable];
  if (named) {
    const found = findProgram([named]);
    if (found) return found;
    throw new Failure(`${browser.variable} names ${named}, which cannot be run`);
  }
  const found = findProgram(browser.programs);
  if (found) return found;
  await installPackages(browser.packages, browser.title, browser.elsewhere);
  return requireInstalled(browser);
}

function requireInstalled(browser) {
  const found = findProgram(browser.programs);
  if (found) return found;
  throw new Failure(`${browser.title} was installed, but its program was not found`, {
    next: `name it in ${browser.variable}`,
  });
}

if (isMain(import.meta.url)) {
  await main(async () => {
    const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(BROWSERS);
    for (const name of names) say(`${name}: ${await requireBrowser(name)}`);
  });
}
