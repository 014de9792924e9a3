// The browsers that tests run in: where they are, and how they are installed.

import { isMain } from './run.mjs';
import { Failure, main, say } from './step.mjs';
import { findProgram, installPackages } from './system.mjs';

/**
 * @typedef {object} Browser
 * @property {string} title
 * @property {string} variable The environment variable that names its program and wins over all others.
 * @property {string[]} packages Debian's.
 * @property {{ browser: string[] } & Record<string, string[]>} programs What has to be there: names in PATH and
 *   usual places, best first.
 * @property {string} elsewhere What to do on other systems.
 */

/** Debian's name of this machine's folder of libraries, and where other distributions put helper programs. */
const LIBRARIES = [
  `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`,
  '/usr/libexec',
  '/usr/lib',
];

/** @type {Record<string, Browser>} */
export const BROWSERS = {
  chromium: {
    title: 'Chromium',
    variable: 'CHROMIUM_PATH',
    packages: ['chromium'],
    programs: {
      browser: [
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
    },
    elsewhere: 'install Chrome or Chromium, or name its program in CHROMIUM_PATH',
  },
  firefox: {
    title: 'Firefox',
    variable: 'FIREFOX_PATH',
    packages: ['firefox-esr'],
    programs: {
      browser: [
        '/usr/bin/firefox-esr',
        'firefox',
        'firefox-esr',
        '/Applications/Firefox.app/Contents/MacOS/firefox',
        'C:\\Program Files\\Mozilla Firefox\\firefox.exe',
      ],
    },
    elsewhere: 'install Firefox, or name its program in FIREFOX_PATH',
  },
  webkit: {
    title: 'WebKit',
    variable: 'WEBKIT_PATH',
    packages: ['webkit2gtk-driver', 'xvfb'],
    programs: {
      browser: LIBRARIES.flatMap((folder) => [
        `${folder}/webkit2gtk-4.1/MiniBrowser`,
        `${folder}/webkitgtk-6.0/MiniBrowser`,
      ]),
      driver: ['WebKitWebDriver'],
      display: ['Xvfb'],
    },
    elsewhere:
      'install WebKitGTK with its driver and Xvfb, or leave WebKit out of the tests: BROWSERS=chromium,firefox',
  },
};

/** The browsers that tests run in: all, or those that `BROWSERS` names. */
export function wantedBrowsers() {
  const named = process.env.BROWSERS?.split(',').filter(Boolean);
  named?.forEach(known);
  return named ?? Object.keys(BROWSERS);
}

/**
 * The browser's programs; installs them where that is ours to do.
 * @param {string} name
 * @returns {Promise<{ browser: string } & Record<string, string>>}
 */
export async function requireBrowser(name) {
  const browser = known(name);
  const missing = () => Object.entries(programs(browser)).filter(([, found]) => found === null);
  if (missing().length > 0) await installPackages(browser.packages, browser.title, browser.elsewhere);
  for (const [part] of missing()) {
    throw new Failure(`${browser.title} was installed, but its ${part} was not found`, {
      next: `name it in ${browser.variable}, or put it into PATH`,
    });
  }
  return programs(browser);
}

function known(name) {
  if (BROWSERS[name]) return BROWSERS[name];
  throw new Failure(`unknown browser ${name}`, { next: `one of: ${Object.keys(BROWSERS).join(', ')}` });
}

function programs(browser) {
  const named = process.env[browser.variable];
  if (named && !findProgram([named])) {
    throw new Failure(`${browser.variable} names ${named}, which cannot be run`);
  }
  const found = Object.entries(browser.programs).map(([part, places]) => [
    part,
    findProgram(part === 'browser' && named ? [named] : places),
  ]);
  return Object.fromEntries(found);
}

if (isMain(import.meta.url)) {
  await main(async () => {
    const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(BROWSERS);
    for (const name of names) say(`${name}: ${Object.values(await requireBrowser(name)).join(', ')}`);
  });
}
