// Out of room: a write says so, what is there stays readable, and with room writing goes on.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { wantedBrowsers } from '../../js/tools/browsers.mjs';
import { launchBrowser } from '../../js/tools/drivers.mjs';
import { launchFirefox } from '../../js/tools/firefox.mjs';
import { openWebKitPage } from '../../js/tools/webkit.mjs';
import { loadPackage } from '../support/package-page.mjs';
import { openPage } from '../support/pages.mjs';
import { startSite } from '../support/site.mjs';

/** What hangs is broken. */
const TIMEOUT = { timeout: 300_000 };

const load = async (page) => {
  await loadPackage(page);
  await page.evaluate(() => {
    const random = (numbers) => Array.from(crypto.getRandomValues(new Uint32Array(numbers))).join();
    /** Writes events of 100 kB until there is no room, or so many are written; or of 100 B to 160 kB. */
    globalThis.fill = async (store, limit, mixed = false) => {
      for (let written = 0; written < limit; written += 1) {
        const text = random(mixed ? [10, 100, 1_000, 5_000, 10_000, 16_000][written % 6] : 10_000);
        const failed = await fails(store.writeEvents([noted('s', { text })]));
        if (failed !== 'nothing') return { written, failed };
      }
      return { written: limit };
    };
  });
};

/** Fills a store until there is no room; what is there stays readable. */
const fillUp = async (page) => {
  const full = await page.evaluate(async () => {
    globalThis.store = await globalThis.EventStore.open('full');
    const full = await globalThis.fill(globalThis.store, 2_000);
    return { ...full, ...(await globalThis.store.verify()) };
  });
  assert.equal(full.failed, 'QUOTA_EXCEEDED');
  assert.ok(full.written > 5, `${full.written} were written`);
  assert.deepEqual([full.events, full.damage], [full.written, []]);
  return full.written;
};

/** With room writing goes on. */
const fillOn = async (page, written) => {
  assert.deepEqual(await page.evaluate(() => globalThis.fill(globalThis.store, 10)), { written: 10 });
  assert.equal((await page.evaluate(() => globalThis.store.verify())).events, written + 10);
};

const OUT_OF_ROOM =
  'out of room, a write says so, what is there stays readable, and with room writing goes on';

if (wantedBrowsers().includes('chromium')) {
  test(`Chromium: ${OUT_OF_ROOM}`, TIMEOUT, async () => {
    const site = await startSite('');
    const browser = await launchBrowser('chromium');
    try {
      const page = await openPage(browser, site.url, load);
      const session = await page.context().newCDPSession(page);
      const quota = (quotaSize) =>
        session.send('Storage.overrideQuotaForOrigin', {
          origin: new URL(site.url).origin,
          ...(quotaSize && { quotaSize }),
        });
      await quota(4_000_000);
      const written = await fillUp(page);
      await quota(0);
      await fillOn(page, written);
    } finally {
      await browser.close();
      await site.stop();
    }
  });
}

if (wantedBrowsers().includes('firefox')) {
  // Small transactions are told to commit and large ones are not, since half of them would be lost: see `engine.rs`.
  test('Firefox: out of room, what was acknowledged is there, of whatever size', TIMEOUT, async () => {
    const site = await startSite('');
    const browser = await launchFirefox({ 'dom.quotaManager.temporaryStorage.fixedLimit': 20_000 });
    try {
      const page = await openPage(browser, site.url, load);
      const { acknowledged, failures, found } = await page.evaluate(async () => {
        const store = await globalThis.EventStore.open('mixed');
        let acknowledged = 0;
        const failures = [];
        // One that is refused leaves room for smaller ones.
        for (let tries = 0; tries < 40; tries += 1) {
          const { written, failed } = await globalThis.fill(store, 2_000, true);
          acknowledged += written;
          failures.push(failed);
        }
        return { acknowledged, failures, found: await store.verify() };
      });
      assert.deepEqual(failures, Array(40).fill('QUOTA_EXCEEDED'));
      assert.ok(acknowledged > 40, `${acknowledged} were written`);
      assert.deepEqual([found.events, found.damage], [acknowledged, []]);
    } finally {
      await browser.close();
      await site.stop();
    }
  });

  test(`Firefox: ${OUT_OF_ROOM}`, TIMEOUT, async () => {
    const site = await startSite('');
    // In kilobytes; a site may have a part of it.
    const browser = await launchFirefox({ 'dom.quotaManager.temporaryStorage.fixedLimit': 20_000 });
    try {
      const page = await openPage(browser, site.url, load);
      await page.evaluate(async () => {
        globalThis.ballast = await globalThis.EventStore.open('ballast');
        await globalThis.fill(globalThis.ballast, 30);
        await globalThis.ballast.close();
      });
      const written = await fillUp(page);
      await page.evaluate(() => globalThis.EventStore.delete('ballast'));
      await fillOn(page, written);
    } finally {
      await browser.close();
      await site.stop();
    }
  });
}

/** What a page does that nobody drives: it tells the site how it went. */
const ALONE = `
  import { EventStore } from '/index.js';
  const told = (what) => fetch('/heard', { method: 'POST', body: JSON.stringify(what) });
  const fill = async (store, limit) => {
    for (let written = 0; written < limit; written += 1) {
      const text = Array.from(crypto.getRandomValues(new Uint32Array(10_000))).join();
      const event = { streamId: 's', type: 'Noted', payload: { text }, expectedVersion: 'noCheck' };
      try {
        await store.writeEvents([event]);
      } catch ({ code }) {
        return { written, code };
      }
    }
    return { written: limit };
  };
  try {
    const ballast = await EventStore.open('ballast');
    await fill(ballast, 50);
    await ballast.close();
    const store = await EventStore.open('full');
    const full = await fill(store, 2_000);
    const found = await store.verify();
    await EventStore.delete('ballast');
    const more = await fill(store, 10);
    const after = await store.verify();
    await store.close();
    const again = await EventStore.open('full');
    await told({ full, found, more, after, again: await again.verify() });
  } catch (error) {
    await told({ failed: String(error?.stack ?? error) });
  }
`;

if (wantedBrowsers().includes('webkit')) {
  // Its quota is a gigabyte, which nothing changes from outside; but the disk can be small.
  test(`WebKit, the disk being full: ${OUT_OF_ROOM}`, TIMEOUT, async (context) => {
    const disk = smallDisk();
    if (disk === null) return context.skip('only root may make a small disk');
    const html = '<!doctype html><script type="module" src="/alone.js"></script>';
    const site = await startSite('', { '/alone.html': html, '/alone.js': ALONE });
    let close;
    try {
      close = await openWebKitPage(`${site.url}alone.html`, disk.folder);
      await site.hears(1);
      const { failed, full, found, more, after, again } = JSON.parse(site.heard[0]);
      assert.equal(failed, undefined);
      // The transaction is aborted when it is committed, and WebKit does not say why.
      assert.equal(full.code, 'STORAGE_UNAVAILABLE');
      assert.ok(full.written > 5, `${full.written} were written`);
      assert.deepEqual([found.events, found.damage], [full.written, []]);
      assert.deepEqual(more, { written: 10 });
      assert.deepEqual([after.events, after.damage], [full.written + 10, []]);
      assert.deepEqual(again, after);
    } finally {
      await close?.();
      await site.stop();
      disk.remove();
    }
  });
}

/** A disk of 24 MB in memory; null where that may not be made. */
function smallDisk() {
  const folder = mkdtempSync(path.join(tmpdir(), 'eventcore-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    rmdirSync(folder);
    return null;
  }
  const unmount = () => {
    process.off('exit', unmount);
    // Whatever still has a file open there keeps it until it ends.
    execFileSync('umount', ['--lazy', folder], { stdio: 'ignore' });
    rmdirSync(folder);
  };
  process.once('exit', unmount);
  return { folder, remove: unmount };
}
