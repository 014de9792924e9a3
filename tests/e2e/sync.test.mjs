// Replicas in browsers, the native endpoint on PostgreSQL, and a network in between that does what it can.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freshProfile, launchChromiumProfile } from '../../js/tools/chromium.mjs';
import { inEachBrowser, Tab } from './replicas.mjs';

/** How often the browser is killed while it pushes. */
const KILLS = Number(process.env.KILLS ?? 3);

const isPush = ({ method, path }) => method === 'POST' && path.endsWith('/push');
const notes = (rows) => rows.map(([, , , note]) => note);
const upTo = (count) => Array.from({ length: count }, (_, at) => at);

inEachBrowser((shared) => {
  const options = (more = {}) => ({ url: shared.world.proxy.url, space: shared.space, ...more });
  const rows = () => shared.world.rows(shared.space);

  test('a thousand commits made offline survive a reload and arrive once and in order, however the network drops', async () => {
    const { proxy } = shared.world;
    const tab = await shared.open();
    proxy.fate = () => 'drop';
    await tab.call('open', 'offline', options());
    await tab.call('until', 'offline', { state: 'offline' });
    // Several pushes' worth of bytes.
    await tab.call('writeMany', 'offline', 1_000, 4_000);
    await tab.reload();
    await tab.call('open', 'offline', options());
    await tab.call('until', 'offline', { state: 'offline', pendingCommits: 1_000 });
    const pending = await tab.call('feed', 'offline');
    assert.deepEqual(notes(pending), upTo(1_000));
    assert.ok(pending.every(([position]) => position === null));

    const fates = ['pass', 'drop the answer', 'pass', 'drop', 'pass', 'truncate'];
    let requests = 0;
    proxy.fate = () => fates[requests++ % fates.length];
    await tab.call('start', 'offline');
    await tab.page.evaluate(() => globalThis.dispatchEvent(new Event('online')));
    await tab.call('until', 'offline', { pendingCommits: 0, state: 'idle' });
    assert.ok(requests > fates.length, `${requests} requests`);
    const stored = await rows();
    assert.deepEqual(notes(stored), upTo(1_000));
    assert.deepEqual(await tab.call('feed', 'offline'), stored);

    const other = await shared.open();
    await other.call('open', 'another', options());
    await other.call('until', 'another', { confirmed: 1_000, state: 'idle' });
    assert.deepEqual(await other.call('feed', 'another'), stored);
  });

  /** Two replicas; the second was away while both wrote to one stream, and wrote a chain on top, and elsewhere. */
  async function conflicting(more = {}) {
    const [one, two] = [await shared.open(), await shared.open()];
    const names = [`one-${shared.space}`, `two-${shared.space}`];
    await one.call('open', names[0], options());
    await one.call('write', names[0], 'order-1', 'noStream', 'placed');
    assert.equal(await one.call('flush', names[0]), null);
    await two.call('open', names[1], options(more));
    await two.call('syncNow', names[1]);
    await two.call('stop', names[1]);
    await one.call('write', names[0], 'order-1', 1, 'theirs');
    assert.equal(await one.call('flush', names[0]), null);
    await two.call('write', names[1], 'order-1', 1, 'mine');
    await two.call('write', names[1], 'order-1', 2, 'on top of mine');
    await two.call('write', names[1], 'other', 'noStream', 'later');
    await two.call('start', names[1]);
    return { one, two, names };
  }
  const streams = [{ streamId: 'order-1', expected: 1, actual: 2 }];
  const first = { streams, remote: ['theirs'], local: ['mine'] };
  const second = { streams, remote: ['theirs'], local: ['on top of mine'] };

  const resolved = {
    rebase: {
      more: { answers: ['rebase', 'rebase'] },
      asked: [first, second],
      stored: ['placed', 'theirs', 'mine', 'on top of mine', 'later'],
    },
    replace: {
      more: {
        answers: [
          { streamId: 'order-1', note: 'ours' },
          { streamId: 'order-1', note: 'and more' },
        ],
      },
      asked: [first, second],
      stored: ['placed', 'theirs', 'ours', 'and more', 'later'],
    },
    drop: {
      more: { answers: ['drop', 'drop'] },
      asked: [first, second],
      stored: ['placed', 'theirs', 'later'],
    },
    'a policy for the streams that begin so': {
      more: { policies: { '': 'drop', 'order-': 'rebase' }, answers: [] },
      asked: [],
      stored: ['placed', 'theirs', 'mine', 'on top of mine', 'later'],
    },
  };
  for (const [answer, { more, asked, stored }] of Object.entries(resolved)) {
    test(`a conflict is resolved: ${answer}`, async () => {
      const { one, two, names } = await conflicting(more);
      assert.equal(await two.call('flush', names[1]), null);
      assert.deepEqual(await two.call('asked', names[1]), asked);
      assert.deepEqual(notes(await rows()), stored);
      await one.call('until', names[0], { confirmed: stored.length });
      for (const [at, tab] of [one, two].entries()) {
        assert.deepEqual(await tab.call('feed', names[at]), await rows());
      }
    });
  }

  for (const [parked, more] of Object.entries({
    'nobody decides': {},
    'the app says so': { answers: ['park'] },
    'the resolver throws': { answers: ['throw'] },
  })) {
    test(`a commit is parked where ${parked}, is there after a reload, and can be resolved then`, async () => {
      const { two, names } = await conflicting(more);
      assert.equal(await two.call('flush', names[1]), 'VERSION_CONFLICT');
      await two.reload();
      await two.call('open', names[1], options());
      await two.call('until', names[1], { state: 'conflicted', pendingCommits: 3 });
      const [conflict, ...none] = await two.call('conflicts', names[1]);
      const { commitId, ...report } = conflict;
      assert.deepEqual([report, none], [first, []]);
      assert.deepEqual(notes(await rows()), ['placed', 'theirs'], 'what came after it waits too');
      await two.call('resolve', names[1], commitId, 'rebase');
      // What was made on top of it did not know what others wrote either.
      await two.call('until', names[1], { state: 'conflicted', pendingCommits: 2 });
      const [{ commitId: behind, ...rest }] = await two.call('conflicts', names[1]);
      assert.deepEqual(rest, second);
      await two.call('resolve', names[1], behind, 'drop');
      assert.equal(await two.call('flush', names[1]), null);
      assert.deepEqual(notes(await rows()), ['placed', 'theirs', 'mine', 'later']);
    });
  }

  test('a resolved conflict that conflicts again is reported again', async () => {
    const { one, two, names } = await conflicting({
      answers: ['rebase later', 'rebase', 'rebase', 'rebase'],
    });
    await two.call('isAsked', names[1], 1);
    // While the user thinks about it.
    await one.call('write', names[0], 'order-1', 2, 'theirs again');
    assert.equal(await one.call('flush', names[0]), null);
    await two.call('decide', names[1]);
    assert.equal(await two.call('flush', names[1]), null);
    const asked = await two.call('asked', names[1]);
    const again = asked.filter(({ local }) => local[0] === 'mine');
    assert.deepEqual(again.slice(0, 2), [
      first,
      { ...first, streams: [{ streamId: 'order-1', expected: 2, actual: 3 }], remote: ['theirs again'] },
    ]);
    const stored = ['placed', 'theirs', 'theirs again', 'mine', 'on top of mine', 'later'];
    assert.deepEqual(notes(await rows()), stored);
  });

  for (const [moment, fate] of Object.entries({
    'before the endpoint has it': 'stall',
    'when the endpoint has it and nobody knows': 'keep the answer',
  })) {
    test(`a tab is closed in the middle of a push, ${moment}: everything arrives once`, async () => {
      const { proxy } = shared.world;
      const tab = await shared.open();
      await tab.call('open', shared.space, options());
      await tab.call('syncNow', shared.space);
      const met = proxy.met(fate);
      proxy.fate = (asked) => (isPush(asked) ? fate : 'pass');
      await tab.call('writeMany', shared.space, 200, 10);
      await met;
      await tab.close();
      proxy.fate = () => 'pass';
      const next = await shared.open();
      await next.call('open', shared.space, options());
      assert.equal(await next.call('flush', shared.space), null);
      const stored = await rows();
      assert.deepEqual(notes(stored), upTo(200));
      assert.deepEqual(await next.call('feed', shared.space), stored);
    });
  }

  test('the browser is killed at any moment of a push, again and again: everything arrives once', async (context) => {
    if (shared.name !== 'chromium') return context.skip('its profile ends with it');
    const { site, proxy } = shared.world;
    const profile = freshProfile();
    let browser;
    // Why the browser emptied its databases, where it says that it did; `tests/browser/emptied.test.mjs` shows how.
    let emptied = null;
    try {
      for (let kill = 0; kill <= KILLS; kill += 1) {
        browser = await launchChromiumProfile(profile.userDataDir);
        const tab = await Tab.open(browser, site.url);
        await tab.call('open', 'killed', options({ start: false }));
        emptied = (await tab.call('emptied', 'killed')) ?? emptied;
        if (kill < KILLS) {
          await tab.call('writeMany', 'killed', 100, 20_000, kill * 100);
          const asked = proxy.asked.length;
          await tab.call('start', 'killed');
          while (proxy.asked.length === asked) await new Promise((resolve) => setTimeout(resolve, 1));
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 150));
          await browser.kill();
        } else {
          await tab.call('start', 'killed');
          assert.equal(await tab.call('flush', 'killed'), null);
          const stored = await rows();
          const [kept, written] = [notes(stored), upTo(KILLS * 100)];
          if (emptied !== null)
            context.diagnostic(`${written.length - kept.length} commits are lost: ${emptied}`);
          assert.deepEqual(kept, emptied === null ? written : written.filter((note) => kept.includes(note)));
          assert.deepEqual(await tab.call('feed', 'killed'), stored);
        }
      }
    } finally {
      await browser?.close().catch(() => {});
      profile.remove();
    }
  });
});
