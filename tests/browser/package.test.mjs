// The package itself in a real browser, over IndexedDB: `dist/` as it is, with an import map in place of a bundler.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium } from '../../js/tools/chromium.mjs';
import { startSite } from '../support/site.mjs';

const PAGE = `<!doctype html><link rel="icon" href="data:,">
  <script type="importmap">{ "imports": { "#load-client": "/load/client.browser.js" } }</script>`;

let site;
let browser;
let page;

const load = () =>
  page.evaluate(async () => {
    globalThis.events = await import('/index.js');
  });

before(async () => {
  site = await startSite('');
  browser = await launchChromium();
  page = await browser.newPage();
  await page.route('**/app', (route) => route.fulfill({ contentType: 'text/html', body: PAGE }));
  await page.goto(`${site.url}app`);
  await load();
});

after(async () => {
  await browser?.close();
  await site?.stop();
});

test('stored events of every earlier schema are read at the newest by the app of today', async () => {
  /** Opens the store as an app of this generation, writes a payload if there is one, and reads them all. */
  const generation = (steps, payload) =>
    page.evaluate(
      async ([steps, payload]) => {
        const chain = [
          (old) => ({ ...old, referral: null }),
          ({ referral, ...old }) => ({ ...old, referredBy: referral ?? 'nobody' }),
        ];
        const upcasters = { Registered: chain.slice(0, steps) };
        const store = await globalThis.events.EventStore.open('users', { upcasters });
        try {
          const event = { streamId: 'u', type: 'Registered', payload, expectedVersion: 'noCheck' };
          if (payload) await store.writeEvents([event]);
          return (await store.readStream('u')).events.map((read) => read.payload);
        } catch (error) {
          return { name: error.name, code: error.code, eventType: error.eventType };
        } finally {
          await store.close();
        }
      },
      [steps, payload],
    );
  await generation(0, { name: 'a' });
  await generation(1, { name: 'b', referral: 'a' });
  await generation(2, { name: 'c', referredBy: 'b' });
  await page.reload();
  await load();
  assert.deepEqual(await generation(2), [
    { name: 'a', referredBy: 'nobody' },
    { name: 'b', referredBy: 'a' },
    { name: 'c', referredBy: 'b' },
  ]);
  assert.deepEqual(await generation(0), {
    name: 'UndecodableEvent',
    code: 'UNDECODABLE_EVENT',
    eventType: 'Registered',
  });
});

test('two stores in a page do not disturb each other, and what is thrown is typed', async () => {
  const seen = await page.evaluate(async () => {
    const { EventStore, VersionConflict } = globalThis.events;
    const [one, two] = await Promise.all([EventStore.open('one'), EventStore.open('two')]);
    const event = { streamId: 'a', type: 'Noted', payload: {}, expectedVersion: 'noStream' };
    await one.writeEvents([event]);
    const conflict = await one.writeEvents([event]).catch((error) => error);
    const before = (await two.readAllEvents()).head;
    const following = two.subscribe();
    const next = following.next();
    await two.writeEvents([event]);
    const { value } = await next;
    following.close();
    await Promise.all([one.close(), two.close()]);
    await EventStore.delete('one');
    const again = await EventStore.open('one');
    return {
      typed: conflict instanceof VersionConflict,
      streams: conflict.streams,
      before,
      followed: value.streamId,
      deleted: (await again.readAllEvents()).head,
    };
  });
  assert.deepEqual(seen, {
    typed: true,
    streams: [{ streamId: 'a', expected: 'noStream', actual: 1 }],
    before: 0,
    followed: 'a',
    deleted: 0,
  });
});
