// Several tabs with one store, several devices of one user, and what the browser tells a sync.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { launchBrowser } from '../../js/tools/drivers.mjs';
import { inEachBrowser, Tab } from './replicas.mjs';

/** How long the hand-over may take, and how often it is tried: a machine that is busy is late now and then. */
const [HANDOVER_MS, HANDOVERS] = [1_000, 3];
/** How long an idle replica is watched. */
const IDLE_MS = Number(process.env.IDLE_MS ?? 5_000);

const notes = (rows) => rows.map(([, , , note]) => note);

inEachBrowser((shared) => {
  const options = (more = {}) => ({ url: shared.world.proxy.url, space: shared.space, ...more });
  const rows = () => shared.world.rows(shared.space);
  const opened = async (name, more) => {
    const tab = await shared.open();
    await tab.call('open', name, options(more));
    return tab;
  };
  /** Chromium's own protocol to a page. */
  const protocol = (tab) => tab.page.context().newCDPSession(tab.page);

  test('one tab syncs, and the others see what it does and have it done', async () => {
    const leader = await opened('shared');
    await leader.call('leads', 'shared');
    await leader.call('until', 'shared', { state: 'idle', live: true });
    const others = [await opened('shared'), await opened('shared')];
    for (const other of others) await other.call('until', 'shared', { leader: false, live: true });
    const { proxy } = shared.world;
    const following = proxy.asked.filter(({ method, path }) => method === 'GET' && path.includes('/live'));
    assert.equal(following.length, 1, 'one follows the endpoint');

    await others[0].call('write', 'shared', 'a', 'noStream', 1);
    assert.equal(await others[0].call('flush', 'shared'), null);
    assert.deepEqual(notes(await rows()), [1]);
    await others[1].call('write', 'shared', 'a', 1, 2);
    for (const tab of [leader, ...others]) {
      const { leader: leads } = await tab.call('until', 'shared', { confirmed: 2, pendingCommits: 0 });
      assert.equal(leads, tab === leader);
      assert.deepEqual(await tab.call('feed', 'shared'), await rows());
    }

    proxy.fate = () => ({ status: 429, headers: { 'retry-after': '3600' } });
    assert.equal(await others[0].call('flush', 'shared'), 'RATE_LIMITED', 'a failure reaches who asked');
    await others[1].call('until', 'shared', { state: 'offline', nextRetryMs: 3_600_000 });
  });

  test('when the tab that syncs is closed, the next takes over within a second', async (context) => {
    const { proxy } = shared.world;
    const took = [];
    let leader = await opened('handed');
    await leader.call('leads', 'handed');
    for (let handover = 0; handover < HANDOVERS; handover += 1) {
      const next = await opened('handed');
      await next.call('until', 'handed', { leader: false, state: 'idle' });
      // What the leader was told just before is not forgotten with it; what the next one pushes meets no fate.
      let isLast = true;
      proxy.fate = ({ method }) => {
        if (method !== 'POST' || !isLast) return 'pass';
        isLast = false;
        return 'stall';
      };
      const met = proxy.met('stall');
      await leader.call('write', 'handed', 's', 'noCheck', handover);
      await met;
      const leads = next.call('leads', 'handed');
      const began = Date.now();
      await leader.close();
      took.push((await leads) - began);
      assert.equal(await next.call('flush', 'handed'), null);
      assert.deepEqual(
        notes(await rows()),
        Array.from({ length: handover + 1 }, (_, at) => at),
      );
      leader = next;
    }
    context.diagnostic(`hand-overs in ms: ${took.join(', ')}`);
    assert.ok(Math.min(...took) < HANDOVER_MS, `${took}`);
  });

  test('when the tab that syncs crashes, the next takes over', async (context) => {
    if (shared.name !== 'chromium') return context.skip('it has no command for it');
    const took = [];
    for (let handover = 0; handover < HANDOVERS; handover += 1) {
      const [leader, next] = [await opened('crashed'), await opened('crashed')];
      await leader.call('leads', 'crashed');
      const session = await protocol(leader);
      const leads = next.call('leads', 'crashed');
      const began = Date.now();
      session.send('Page.crash').catch(() => {});
      took.push((await leads) - began);
      await next.call('write', 'crashed', 's', 'noCheck', handover);
      assert.equal(await next.call('flush', 'crashed'), null);
      await next.close();
    }
    context.diagnostic(`hand-overs in ms: ${took.join(', ')}`);
    assert.ok(Math.min(...took) < HANDOVER_MS, `${took}`);
  });

  test('a tab that syncs and is frozen is relieved as soon as somebody needs it', async (context) => {
    if (shared.name !== 'chromium') return context.skip('it has no command for it');
    const [leader, other] = [await opened('frozen'), await opened('frozen')];
    await leader.call('leads', 'frozen');
    await other.call('until', 'frozen', { leader: false, state: 'idle' });
    /** Stops the page at the next thing that it does, until it is told to go on. */
    const freeze = async (tab) => {
      const session = await protocol(tab);
      await session.send('Debugger.enable');
      await session.send('Debugger.pause');
      return () => session.send('Debugger.disable');
    };
    // It answers, and freezes at once: what is written then waits for somebody too.
    await other.call('write', 'frozen', 's', 'noStream', 'answered');
    await other.call('until', 'frozen', { confirmed: 1, pendingCommits: 0, state: 'idle' });
    const thaw = await freeze(leader);
    // Nobody asks for a round: that something waits is reason enough.
    await other.call('write', 'frozen', 's', 1, 'first');
    await other.call('leads', 'frozen');
    await other.call('until', 'frozen', { state: 'idle', pendingCommits: 0 });
    await thaw();
    await leader.call('until', 'frozen', { leader: false, confirmed: 2 });

    const thawAgain = await freeze(other);
    const { leader: leads } = await leader.call('syncNow', 'frozen');
    assert.equal(leads, true, 'a round that was asked for does not wait for ever');
    await thawAgain();
    await other.call('until', 'frozen', { leader: false });
    assert.deepEqual(notes(await rows()), ['answered', 'first']);
  });

  test('the same name opened by two origins is two replicas, each of which syncs', async () => {
    const elsewhere = shared.world.site.url.replace('127.0.0.1', 'localhost');
    const tabs = [await shared.open(), await shared.open(elsewhere)];
    for (const tab of tabs) {
      await tab.call('open', 'same', options());
      await tab.call('leads', 'same');
    }
    await tabs[0].call('write', 'same', 'a', 'noStream', 1);
    await tabs[1].call('until', 'same', { confirmed: 1 });
    await tabs[1].call('write', 'same', 'a', 1, 2);
    await tabs[0].call('until', 'same', { confirmed: 2 });
    for (const tab of tabs) assert.deepEqual(await tab.call('feed', 'same'), await rows());
  });

  test('two devices of one user see what each of them writes', async () => {
    const device = await launchBrowser(shared.name);
    try {
      const tabs = [await shared.open(), await Tab.open(device, shared.world.site.url)];
      for (const [at, tab] of tabs.entries()) {
        await tab.call('open', 'mine', options());
        await tab.call('until', 'mine', { state: 'idle', live: true });
        await tab.call('write', 'mine', `device-${at}`, 'noStream', at);
        assert.equal(await tab.call('flush', 'mine'), null);
      }
      for (const tab of tabs) {
        await tab.call('until', 'mine', { confirmed: 2, pendingCommits: 0 });
        assert.deepEqual(await tab.call('feed', 'mine'), await rows());
      }
    } finally {
      await device.close();
    }
  });

  for (const [event, dispatch] of Object.entries({
    'the network is back': () => globalThis.dispatchEvent(new Event('online')),
    'the page is shown again': () => {
      Object.defineProperty(document, 'visibilityState', { value: 'visible', configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    },
  })) {
    test(`a round starts at once when ${event}, in any tab`, async () => {
      const { proxy } = shared.world;
      const [leader, other] = [await opened(`woken-${shared.space}`), await opened(`woken-${shared.space}`)];
      const name = `woken-${shared.space}`;
      await leader.call('leads', name);
      await leader.call('until', name, { state: 'idle', live: true });
      for (const tab of [leader, other]) {
        proxy.fate = () => ({ status: 429, headers: { 'retry-after': '3600' } });
        await leader.call('syncNow', name).catch(() => {});
        for (const either of [leader, other]) {
          await either.call('until', name, { state: 'offline', nextRetryMs: 3_600_000 });
        }
        proxy.fate = () => 'pass';
        await tab.page.evaluate(dispatch);
        await tab.call('until', name, { state: 'idle' });
      }
    });
  }

  test('what a page writes while the browser is offline is pushed when it is online', async (context) => {
    if (shared.name !== 'chromium') return context.skip('it has no command for it');
    const tab = await opened('unplugged', { live: false });
    await tab.call('until', 'unplugged', { state: 'idle' });
    const session = await protocol(tab);
    const plugged = (offline) =>
      session.send('Network.emulateNetworkConditions', {
        offline,
        latency: 0,
        downloadThroughput: -1,
        uploadThroughput: -1,
      });
    await plugged(true);
    await tab.call('write', 'unplugged', 'a', 'noStream', 1);
    // Until it would not try again for so long that only the event can have made it.
    await tab.page.evaluate(async () => {
      while (globalThis.replicas.status('unplugged').nextRetryMs < 2_000) {
        await globalThis.replicas.syncNow('unplugged').catch(() => {});
      }
    });
    await plugged(false);
    await tab.call('until', 'unplugged', { state: 'idle', pendingCommits: 0 });
    assert.deepEqual(notes(await rows()), [1]);
  });

  test('an idle replica asks nothing of the endpoint, and reads nothing', async () => {
    const tab = await shared.open();
    await tab.page.evaluate(() => {
      globalThis.transactions = 0;
      const { transaction } = IDBDatabase.prototype;
      IDBDatabase.prototype.transaction = function (...args) {
        globalThis.transactions += 1;
        return transaction.apply(this, args);
      };
    });
    await tab.call('open', 'idle', options({ pollInterval: undefined }));
    await tab.call('write', 'idle', 'a', 'noStream', 1);
    assert.equal(await tab.call('flush', 'idle'), null);
    await tab.call('until', 'idle', { state: 'idle', live: true });
    // Its last round ends in its own time.
    await tab.call('syncNow', 'idle');
    const { asked } = shared.world.proxy;
    const before = {
      asked: asked.length,
      transactions: await tab.page.evaluate(() => globalThis.transactions),
    };
    assert.ok(before.transactions > 0);
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
    assert.deepEqual(
      { asked: asked.length, transactions: await tab.page.evaluate(() => globalThis.transactions) },
      before,
      'requests and transactions',
    );
  });
});
