// Chromium for tests, driven by playwright-core: a browser to share, or a profile whose storage survives it.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { requireBrowser } from './browsers.mjs';
import { killGroup } from './run.mjs';
import { isRoot } from './system.mjs';

/** How long a browser may take for what it is asked: machines differ, and some are busy. */
export const LAUNCH_MS = 180_000;

/** Nothing that talks to the outside or waits for a person. */
const ARGS = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/**
 * A browser without storage of its own: every context is fresh.
 * @param {import('playwright-core').LaunchOptions} [options]
 */
export async function launchChromium(options = {}) {
  return chromium.launch(await launchOptions(options));
}

/**
 * A browser over one profile folder: what a page stores there is found again by the next launch over it.
 * @param {string} userDataDir
 * @param {Parameters<typeof chromium.launchPersistentContext>[1]} [options]
 */
export async function launchPersistentContext(userDataDir, options = {}) {
  return chromium.launchPersistentContext(userDataDir, await launchOptions(options));
}

/**
 * Pages over a profile folder, in the manner of `drivers.mjs`; each is playwright's own.
 * @param {string} [userDataDir]
 */
export async function launchChromiumProfile(userDataDir) {
  const fresh = userDataDir === undefined ? freshProfile() : null;
  const context = await launchPersistentContext(userDataDir ?? fresh.userDataDir);
  context.setDefaultTimeout(LAUNCH_MS);
  const browser = context.browser();
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  const { id } = processInfo.find(({ type }) => type === 'browser');
  const gone = new Promise((resolve) => context.once('close', resolve));
  return {
    newPage: () => context.newPage(),
    async close() {
      await context.close();
      fresh?.remove();
    },
    async kill() {
      killGroup(id);
      await gone;
      fresh?.remove();
    },
  };
}

/** An empty profile folder, and how to remove it. */
export function freshProfile() {
  const userDataDir = mkdtempSync(path.join(tmpdir(), 'eventcore-profile-'));
  // A browser's last processes may outlive its first one by a moment.
  const remove = () => rmSync(userDataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  process.once('exit', remove);
  return {
    userDataDir,
    remove: () => {
      process.off('exit', remove);
      remove();
    },
  };
}

async function launchOptions({ args = [], ...options }) {
  return {
    headless: true,
    executablePath: (await requireBrowser('chromium')).browser,
    timeout: LAUNCH_MS,
    // Chromium's sandbox does not work as root, and is kept everywhere else.
    chromiumSandbox: !isRoot(),
    ...options,
    args: [...ARGS, ...args],
  };
}
