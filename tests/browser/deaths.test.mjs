// Deaths in the middle of writing: of the browser, a renderer, a page, a worker. What was acknowledged is there,
// whole, and nobody else is kept waiting.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wantedBrowsers } from '../../js/tools/browsers.mjs';
import { freshProfile, launchChromiumProfile } from '../../js/tools/chromium.mjs';
import { inEachBrowser, openPage } from '../support/pages.mjs';
import { loadRealms, REALM_SCRIPTS } from '../support/realms.mjs';
import { startSite } from '../support/site.mjs';

/** How often the browser is killed. */
const KILLS = Number(process.env.KILLS ?? 8);
/** How often each of the others dies. */
const DEATHS = Number(process.env.DEATHS ?? 3);
/** Events of a commit. */
const EVENTS = 3;
/** What hangs is broken. */
const TIMEOUT = { timeout: 300_000 };

/** Writes commits without end in a realm of a page, and tells the site of each that was acknowledged. */
const writeOn = (page, realm, run) =>
  page.evaluate(
    async ([realm, run, of]) => {
      globalThis.writer = await globalThis.realm(realm);
      await globalThis.writer.call(
        async ([run, of]) => {
          const store = await globalThis.EventStore.open('mortal', { durability: 'strict' });
          const write = async (commit) => {
            const events = Array.from({ length: of }, (_, index) => ({
              streamId: `s-${(commit + index) % 7}`,
              type: 'Noted',
              payload: { run, commit, index, text: 'x'.repeat(commit % 500) },
              expectedVersion: 'noCheck',
            }));
            const { commitId } = await store.writeEvents(events);
            await fetch('/heard', { method: 'POST', body: commitId });
          };
          // Several at a time, so that a transaction holds more than one commit.
          for (let lane = 0; lane < 4; lane += 1) {
            const next = (commit) => write(commit).then(() => next(commit + 4));
            // When its page goes it cannot tell of it any more.
            next(lane).catch(() => {});
          }
        },
        [run, of],
      );
    },
    [realm, run, EVENTS],
  );

/**
 * What the store holds is sound, whole commits, and all that the site heard of; and it can be written to. Answers with
 * why the browser emptied its databases, where it says that it did (`tests/browser/emptied.test.mjs` shows how).
 */
const isWhole = async (page, site) => {
  // What is heard of later may have been written after the store was read.
  const heard = [...site.heard];
  const { damage, commits, emptied } = await page.evaluate(async () => {
    let emptied;
    const onDataLoss = (message) => {
      emptied = message;
    };
    const store = await globalThis.EventStore.open('mortal', { onDataLoss });
    const { damage } = await store.verify();
    const commits = {};
    for (let after = 0, complete = false; !complete; ) {
      const page = await store.readAllEvents({ after, maxEvents: 10_000 });
      for (const { commitId } of page.events) commits[commitId] = (commits[commitId] ?? 0) + 1;
      ({ cursor: after, complete } = page);
    }
    await store.close();
    return { damage, commits, emptied };
  });
  if (emptied !== undefined) site.heard.length = 0;
  assert.deepEqual(damage, []);
  for (const [commitId, size] of Object.entries(commits)) assert.equal(size, EVENTS, `${commitId} is whole`);
  const lost = heard.filter((commitId) => !commits[commitId]);
  assert.deepEqual(lost, emptied === undefined ? [] : heard, `${heard.length} were acknowledged`);
  return emptied;
};

/** Some commits later, at any moment. */
const atAnyMoment = (site, before, most) => site.hears(before + 1 + Math.floor(Math.random() * most));

if (wantedBrowsers().includes('chromium')) {
  test('Chromium, killed while it writes, keeps what it acknowledged, whole', async (context) => {
    const site = await startSite('', REALM_SCRIPTS);
    const profile = freshProfile();
    let browser;
    let acknowledged = 0;
    try {
      for (let kill = 0; kill <= KILLS; kill += 1) {
        browser = await launchChromiumProfile(profile.userDataDir);
        const page = await openPage(browser, site.url, loadRealms);
        const emptied = await isWhole(page, site);
        if (emptied !== undefined) context.diagnostic(`after ${kill} kills: ${emptied}`);
        if (kill === KILLS) break;
        const before = site.heard.length;
        await writeOn(page, 'window', kill);
        await atAnyMoment(site, before, 150);
        acknowledged += site.heard.length - before;
        await browser.kill();
        browser = undefined;
      }
      assert.ok(acknowledged > KILLS, 'something was acknowledged');
    } finally {
      await browser?.close();
      await site.stop();
      profile.remove();
    }
  });
}

inEachBrowser(
  '',
  (world) => {
    /** How a writer dies; what is answered can write again. */
    const deaths = {
      'a page that is reloaded': async (page) => {
        await page.reload();
        await loadRealms(page);
        return page;
      },
      'a page that is closed': async (page) => {
        await page.close();
        return openPage(world.browser, world.site.url, loadRealms);
      },
      'a worker that is terminated': async (page) => {
        await page.evaluate(() => globalThis.writer.end());
        return page;
      },
      ...(world.name === 'chromium' && {
        'a page whose renderer crashes': async (page) => {
          const crashed = new Promise((resolve) => page.once('crash', resolve));
          // Nobody is left to answer.
          page.goto('chrome://crash').catch(() => {});
          await crashed;
          await page.close();
          return openPage(world.browser, world.site.url, loadRealms);
        },
      }),
    };

    for (const [who, dies] of Object.entries(deaths)) {
      test(`${who} while it writes leaves whole commits and no lock`, TIMEOUT, async () => {
        let page = await openPage(world.browser, world.site.url, loadRealms);
        for (let death = 0; death < DEATHS; death += 1) {
          const before = world.site.heard.length;
          await writeOn(page, who.includes('worker') ? 'dedicated' : 'window', `${who} ${death}`);
          await atAnyMoment(world.site, before, 20);
          page = await dies(page);
          // The other page is not kept waiting, and sees all that the dead one was told.
          await isWhole(world.page, world.site);
        }
        await page.close();
      });
    }
  },
  { load: loadRealms, scripts: REALM_SCRIPTS },
);
