// Firefox for tests, driven over WebDriver BiDi by puppeteer-core.

import { launch } from 'puppeteer-core';
import { requireBrowser } from './browsers.mjs';
import { LAUNCH_MS } from './chromium.mjs';
import { killGroup } from './run.mjs';

/**
 * Pages in the manner of `drivers.mjs`; each is puppeteer's own. Its storage ends with it.
 * @param {Record<string, unknown>} [prefs] Preferences beside the usual ones.
 */
export async function launchFirefox(prefs = {}) {
  const browser = await launch({
    browser: 'firefox',
    executablePath: (await requireBrowser('firefox')).browser,
    headless: true,
    extraPrefsFirefox: {
      // Else every function that a page hands to the browser takes a trace with it, for whoever drives it: a page that
      // nobody drives does not, and the deeper it calls the more that would cost it.
      'javascript.options.asyncstack': false,
      // Where a page asks for persistent storage, nobody is there to be asked.
      'dom.storageManager.prompt.testing': true,
      'dom.storageManager.prompt.testing.allow': true,
      ...prefs,
    },
    timeout: LAUNCH_MS,
    protocolTimeout: LAUNCH_MS,
  });
  const child = browser.process();
  const gone = new Promise((resolve) => child.once('exit', resolve));
  return {
    async newPage() {
      const page = await browser.newPage();
      page.setDefaultTimeout(LAUNCH_MS);
      return page;
    },
    async close() {
      await browser.close();
      await gone;
    },
    async kill() {
      killGroup(child.pid);
      await gone;
    },
  };
}
