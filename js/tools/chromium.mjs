// Chromium for tests, driven by playwright-core: a browser to share, or a profile whose storage survives it.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { requireBrowser } from './browsers.mjs';
import { isRoot } from './system.mjs';

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

/** An empty profile folder, and how to remove it. */
export function freshProfile() {
  const userDataDir = mkdtempSync(path.join(tmpdir(), 'eventcore-chromium-'));
  const remove = () => rmSync(userDataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
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
    executablePath: await requireBrowser('chromium'),
    // Chromium's sandbox does not work as root, and is kept everywhere else.
    chromiumSandbox: !isRoot(),
    ...options,
    args: [...ARGS, ...args],
  };
}
