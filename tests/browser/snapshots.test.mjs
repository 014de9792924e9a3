// Projections that a store keeps: opened again without folding the log anew, and never upon another log.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freshNames, loadPackage } from '../support/package-page.mjs';
import { inEachBrowser, nothingFailed } from '../support/pages.mjs';

const load = async (page) => {
  await loadPackage(page);
  await page.evaluate(() => {
    /** Counts by stream, in a map, which JSON could not carry; and counts how often it folded. */
    globalThis.open = async (store, options = {}) => {
      const folded = { events: 0 };
      const projection = await Projection.open(store, 'counts', {
        initial: new Map(),
        apply: (counts, event) => {
          folded.events += 1;
          return new Map(counts).set(event.streamId, (counts.get(event.streamId) ?? 0) + 1);
        },
        ...options,
      });
      return { projection, folded };
    };
    globalThis.write = (store, count, streamId = 's') =>
      store.writeEvents(Array.from({ length: count }, () => noted(streamId)));
  });
};

inEachBrowser(
  '',
  (world) => {
    const name = freshNames('snapshots');

    test('a projection goes on over a reload where its snapshot was written', async () => {
      const first = await world.page.evaluate(async (name) => {
        const store = await EventStore.open(name);
        const { projection, folded } = await open(store, { snapshotEvery: 100 });
        await write(store, 90);
        await projection.catchUp(store);
        const tooFew = await store.readSnapshot('counts');
        await write(store, 60);
        await projection.catchUp(store);
        await write(store, 7, 'other');
        await projection.catchUp(store);
        await store.close();
        return { tooFew: tooFew ?? null, folded: folded.events };
      }, name());
      assert.deepEqual(first, { tooFew: null, folded: 157 });
      await world.page.reload();
      await load(world.page);
      const second = await world.page.evaluate(async (name) => {
        const store = await EventStore.open(name);
        const { projection, folded } = await open(store);
        const resumed = [...projection.state];
        await projection.catchUp(store);
        const state = [...projection.state];
        await projection.save();
        const saved = await open(store);
        const changed = await open(store, { revision: 1 });
        await store.close();
        return {
          resumed,
          state,
          folded: folded.events,
          saved: [...saved.projection.state],
          changed: changed.projection.state.size,
        };
      }, name());
      assert.deepEqual(second, {
        resumed: [['s', 150]],
        state: [
          ['s', 150],
          ['other', 7],
        ],
        folded: 7,
        saved: [
          ['s', 150],
          ['other', 7],
        ],
        changed: 0,
      });
    });

    test('a snapshot of another log is not gone on with', async () => {
      const seen = await world.page.evaluate(async (name) => {
        const from = await EventStore.open(name);
        const { projection } = await open(from);
        await write(from, 20);
        await projection.catchUp(from);
        await projection.save();
        const snapshot = await from.readSnapshot('counts');
        await from.close();
        await EventStore.delete(name);

        // Of the same length, and longer; and shorter.
        const other = await EventStore.open(name);
        const deleted = await other.readSnapshot('counts');
        await write(other, 10, 'another');
        await other.writeSnapshot('counts', snapshot);
        const shorter = await open(other);
        await write(other, 20, 'another');
        const longer = await open(other);
        await longer.projection.catchUp(other);
        await other.writeSnapshot('counts', undefined);
        const removed = await other.readSnapshot('counts');
        await other.close();
        return {
          deleted: deleted ?? null,
          removed: removed ?? null,
          shorter: shorter.projection.state.size,
          longer: [...longer.projection.state],
        };
      }, name());
      assert.deepEqual(seen, { deleted: null, removed: null, shorter: 0, longer: [['another', 30]] });
    });

    test('what cannot be kept is refused, and keeping wakes nobody', async () => {
      const seen = await world.page.evaluate(async (name) => {
        const store = await EventStore.open(name);
        const refused = await store.writeSnapshot('f', () => {}).catch((error) => error.code);
        let woken = false;
        store.changed().then(
          () => {
            woken = true;
          },
          () => {},
        );
        await store.writeSnapshot('value', { at: new Date(5), list: [new Set([1])] });
        const value = await store.readSnapshot('value');
        const isWoken = woken;
        await store.close();
        const closed = await store.readSnapshot('value').catch((error) => error.code);
        return { refused, isWoken, at: value.at.getTime(), has: value.list[0].has(1), closed };
      }, name());
      assert.deepEqual(seen, {
        refused: 'INVALID_REQUEST',
        isWoken: false,
        at: 5,
        has: true,
        closed: 'CLOSED',
      });
    });

    test('nothing failed outside of the promises', () => nothingFailed(world.page));
  },
  { load },
);
