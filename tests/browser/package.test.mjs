// The package itself in real browsers, over IndexedDB: `dist/` as it is.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inEachBrowser } from '../support/pages.mjs';

const load = (page) =>
  page.evaluate(async () => {
    globalThis.events = await import('/index.js');
  });

const define = (world) => {
  test('stored events of every earlier schema are read at the newest by the app of today', async () => {
    /** Opens the store as an app of this generation, writes a payload if there is one, and reads them all. */
    const generation = (steps, payload) =>
      world.page.evaluate(
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
    await world.page.reload();
    await load(world.page);
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
    const seen = await world.page.evaluate(async () => {
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
};

inEachBrowser('', define, { load });
