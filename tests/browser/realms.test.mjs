// Tabs and workers of every kind over one store, at once.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inEachBrowser, nothingFailed, openPage } from '../support/pages.mjs';
import { loadRealms, REALM_SCRIPTS } from '../support/realms.mjs';

/** What hangs is broken. */
const TIMEOUT = { timeout: 120_000 };
/** Events that each realm writes to one stream. */
const EACH = 15;

const KINDS = ['window', 'dedicated', 'shared', 'service'];

/** Writes to one stream in competition with all others, and follows everything that all of them write. */
const compete = async ([name, each, total]) => {
  const store = await globalThis.EventStore.open(name, { durability: 'relaxed' });
  const following = store.subscribe();
  const follow = async () => {
    const seen = [];
    for await (const { position, version, id } of following) {
      seen.push([position, version, id]);
      if (seen.length === total) break;
    }
    return seen;
  };
  const compete = async () => {
    for (let written = 0; written < each; ) {
      const { version } = await store.readStream('contended');
      const event = { streamId: 'contended', type: 'Counted', payload: {}, expectedVersion: version };
      try {
        await store.writeEvents([event]);
        written += 1;
      } catch (error) {
        if (error.code !== 'VERSION_CONFLICT') throw error;
      }
    }
  };
  const [seen] = await Promise.all([follow(), compete()]);
  await store.close();
  return seen;
};

inEachBrowser(
  '',
  (world) => {
    for (const kind of KINDS) {
      test(`a ${kind}${kind === 'window' ? '' : ' worker'} writes, reads and follows`, TIMEOUT, async () => {
        const seen = await world.page.evaluate(async (kind) => {
          const realm = await globalThis.realm(kind);
          const seen = await realm.call(async (name) => {
            const { EventStore } = globalThis;
            const store = await EventStore.open(name);
            const following = store.subscribe();
            const next = following.next();
            const event = {
              streamId: 's',
              type: 'Noted',
              payload: { from: name },
              expectedVersion: 'noStream',
            };
            const written = await store.writeEvents([event]);
            const { value } = await next;
            following.close();
            const { events } = await store.readStream('s');
            const { damage } = await store.verify();
            await store.close();
            return [events[0].payload, events[0].id === written.eventIds[0], value.position, damage];
          }, `alone-${kind}`);
          realm.end();
          return seen;
        }, kind);
        assert.deepEqual(seen, [{ from: `alone-${kind}` }, true, 1, []]);
      });
    }

    test(
      'tabs and workers that write to one stream keep the version rule, and each sees all, once, in order',
      TIMEOUT,
      async () => {
        const tabs = [world.page, await openPage(world.browser, world.site.url, loadRealms)];
        // A tab each of what tabs share.
        const realms = [KINDS, ['window', 'dedicated', 'dedicated']];
        const total = EACH * realms.flat().length;
        const seen = await Promise.all(
          tabs.map((tab, index) =>
            tab.evaluate(
              async ([kinds, compete, ...argument]) => {
                const work = new Function(`return (${compete})`)();
                const competitors = kinds.map(async (kind) => {
                  const realm = await globalThis.realm(kind);
                  const seen = await realm.call(work, argument);
                  realm.end();
                  return seen;
                });
                return Promise.all(competitors);
              },
              [realms[index], String(compete), 'contended', EACH, total],
            ),
          ),
        );
        const numbers = Array.from({ length: total }, (_, index) => index + 1);
        const [first, ...others] = seen.flat();
        assert.deepEqual(
          first.map(([position]) => position),
          numbers,
        );
        assert.deepEqual(
          first.map(([, version]) => version),
          numbers,
        );
        assert.equal(new Set(first.map(([, , id]) => id)).size, total);
        for (const other of others) assert.deepEqual(other, first);
        await nothingFailed(tabs[1]);
        await tabs[1].close();
      },
    );

    test('nothing failed outside of the promises', () => nothingFailed(world.page));
  },
  { load: loadRealms, scripts: REALM_SCRIPTS },
);
