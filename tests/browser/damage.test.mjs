// Damage: whatever is not as it was written is named, the rest is readable, and can be got out.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freshNames, loadPackage } from '../support/package-page.mjs';
import { inEachBrowser, nothingFailed } from '../support/pages.mjs';

/** So many, of an event each, that most are in the log, and some in the tail. */
const COMMITS = 600;

const load = async (page) => {
  await loadPackage(page);
  await page.evaluate(() => {
    /** A store of so many commits, each of so many events over five streams. */
    globalThis.filled = async (name, commits, of) => {
      const store = await EventStore.open(name);
      for (let commit = 0; commit < commits; commit += 1) {
        const events = Array.from({ length: of }, (_, index) =>
          noted(`s-${(commit + index) % 5}`, { commit, index, text: 'ä€😀\n' }),
        );
        await store.writeEvents(events);
      }
      return store;
    };
    /** Reads an export to its end. */
    globalThis.whole = async (store) => {
      for (const reader = store.export().getReader(); !(await reader.read()).done; );
    };
    /** What is sound of a store, taken in by another one, which is verified; and what was damaged. */
    globalThis.saved = async (store, name) => {
      const damage = [];
      const copy = await EventStore.open(`${name}-saved`);
      const bytes = store.export({ onDamage: (found) => damage.push(found) });
      const { commits, events } = await copy.import(bytes);
      const verified = await copy.verify();
      const written = await fails(copy.writeEvents([noted('later')]));
      await copy.close();
      return { damage, commits, events, verified, written };
    };
  });
};

inEachBrowser(
  '',
  (world) => {
    const name = freshNames('damaged');

    // What is written down in a record of the log.
    const CHANGES = {
      'a character of a payload': `({ t, ...record }) => ({ ...record, t: t.replace('"commit":37,', '"commit":47,') })`,
      'the version of an event': `({ t, ...record }) => ({ ...record, t: t.replace(/^(.*?\\["[^"]+",2,)8,/, '$19,') })`,
      'two events that changed places': `({ t, ...record }) => {
        const text = JSON.parse(t);
        const [one, other] = [10, 15].map((at) => text.commits[at].events);
        [one[0], other[0]] = [other[0], one[0]];
        return { ...record, t: JSON.stringify(text) };
      }`,
      'half of a text': '({ t, ...record }) => ({ ...record, t: t.slice(0, t.length / 2) })',
      'a text that is gone': '({ t, ...record }) => record',
      'a count': '(record) => ({ ...record, n: record.n - 1 })',
    };
    for (const [what, changed] of Object.entries(CHANGES)) {
      test(`${what}: its record is named, and the rest can be read and got out`, async () => {
        const found = await world.page.evaluate(
          async ([name, changed, commits]) => {
            const store = await filled(name, commits, 1);
            const sound = await store.verify();
            const other = new Function(`return ${changed}`)();
            let size;
            const count = await change(name, 'log', (record) => {
              if (record.p !== 1) return undefined;
              size = record.n;
              const changed = other(record);
              if (JSON.stringify(changed) === JSON.stringify(record)) throw new Error('nothing was changed');
              return changed;
            });
            const { damage, events } = await store.verify();
            const behind = await store.readAllEvents({ after: damage[0]?.through });
            const exported = await fails(whole(store));
            const written = await fails(store.writeEvents([noted('s-1'), noted('new')]));
            const rest = await saved(store, name);
            await store.close();
            return {
              sound,
              count,
              size,
              damage,
              events,
              behind: behind.events.length,
              exported,
              written,
              rest,
            };
          },
          [name(), changed, COMMITS],
        );
        assert.deepEqual(found.sound, { events: COMMITS, pending: 0, streams: 5, damage: [] });
        assert.deepEqual([found.count, found.damage.length], [1, 1], JSON.stringify(found.damage));
        const [{ after, through, message }] = found.damage;
        assert.match(message, /record 1 of log: /);
        assert.equal(after, 0);
        assert.deepEqual([found.events, found.behind], [COMMITS - through, COMMITS - through]);
        // Whose last event may be said to be none of it.
        assert.ok([0, 1].includes(found.size - through), `through ${through} of ${found.size}`);
        // A write does not read what is damaged: the versions are known.
        assert.deepEqual([found.exported, found.written], ['STORAGE_CORRUPT', 'nothing']);
        const left = COMMITS - through;
        assert.deepEqual(found.rest.damage, found.damage);
        assert.deepEqual([found.rest.commits, found.rest.events], [left + 1, left + 2]);
        assert.deepEqual(found.rest.verified, { events: left + 2, pending: 0, streams: 6, damage: [] });
        assert.equal(found.rest.written, 'nothing');
      });
    }

    test('a stream that is not found where it is: it is named', async () => {
      const found = await world.page.evaluate(async (name) => {
        // Of so many events at once none lies in the tail.
        const store = await filled(name, 8, 64);
        await store.close();
        let last;
        await change(name, 'log', (record) => {
          last = record.p;
        });
        await change(name, 'log', (record) =>
          record.p === last ? { ...record, s: record.s.filter(([stream]) => stream !== 's-3') } : undefined,
        );
        const again = await EventStore.open(name);
        const { events, damage } = await again.verify();
        await again.close();
        return { events, damage };
      }, name());
      assert.equal(found.events, 512);
      assert.equal(found.damage.length, 1, JSON.stringify(found.damage));
      assert.match(found.damage[0].message, /stream "s-3" is found up to version \d+; the log has 10[23]/);
    });

    // Where what was written lies in the tail, the log, or both.
    for (const [where, commits, of] of [
      ['tail', 20, 1],
      ['log', 4, 64],
      ['log and the tail', COMMITS, 1],
    ]) {
      test(`the state, with events in the ${where}: it is named, the log is readable, and nothing is written`, async () => {
        const found = await world.page.evaluate(
          async ([name, commits, of]) => {
            const store = await filled(name, commits, of);
            await store.close();
            const count = await change(name, 'tail', (record) =>
              record.state ? { ...record, state: record.state.replace('"head":', '"head":1') } : undefined,
            );
            const again = await EventStore.open(name);
            const { events, head } = await again.readAllEvents({ maxEvents: 1_000 });
            const { version } = await again.readStream('s-1');
            const isVersion = version === events.filter(({ streamId }) => streamId === 's-1').length;
            const written = await again.writeEvents([noted('s-1')]).catch((error) => error);
            const verified = await again.verify();
            const rest = await saved(again, name);
            await again.close();
            const refused = { code: written.code, message: written.message };
            return { count, events: events.length, head, isVersion, refused, verified, rest };
          },
          [name(), commits, of],
        );
        assert.ok(found.count > 0);
        const all = commits * of;
        assert.deepEqual([found.events, found.head, found.isVersion], [all, all, true]);
        assert.equal(found.refused.code, 'STORAGE_CORRUPT');
        assert.match(found.refused.message, /record \d+ of tail: its state is not the one that was written/);
        assert.deepEqual(
          [found.verified.events, found.verified.damage.map(({ message }) => message)],
          [all, [found.refused.message]],
        );
        assert.equal(found.rest.damage.length, 1);
        assert.deepEqual([found.rest.events, found.rest.verified.damage], [all, []]);
        assert.equal(found.rest.written, 'nothing');
      });
    }

    test('a commit that waits: it is named, what is confirmed is readable, and the others are got out', async () => {
      const found = await world.page.evaluate(async (name) => {
        const store = await filled(name, 3, 2);
        // A replica of an endpoint that is never there: what is written waits.
        const sync = store.sync({ url: 'http://127.0.0.1:9', space: 's' });
        const offline = await fails(sync.syncNow());
        sync.stop();
        await store.writeEvents([noted('s-1', { is: 'lost' })]);
        await store.writeEvents([noted('s-1', { is: 'there' }), noted('other')]);
        const sound = await store.verify();
        await store.close();
        const count = await change(name, 'outbox', (record) =>
          record.t.includes('"lost"') ? { ...record, t: record.t.replace('"lost"', '"last"') } : undefined,
        );
        const again = await EventStore.open(name);
        const thrown = (work) => work.catch(({ code, message }) => ({ code, message }));
        const refused = {
          read: await thrown(again.readAllEvents()),
          stream: await thrown(again.readStream('s-1')),
          written: await thrown(again.writeEvents([noted('s-1')])),
          exported: await thrown(whole(again)),
        };
        const confirmed = await again.readAllEvents({ confirmedOnly: true });
        const { events: none } = await again.readStream('s-1', { confirmedOnly: true });
        const verified = await again.verify();
        const rest = await saved(again, name);
        await again.close();
        return { offline, sound, count, refused, confirmed, none, verified, rest };
      }, name());
      assert.equal(found.offline, 'OFFLINE');
      assert.deepEqual(found.sound, { events: 0, pending: 9, streams: 5, damage: [] });
      assert.equal(found.count, 1);
      const [{ message }] = found.verified.damage;
      assert.match(message, /record 3 of outbox: its text is not the one that was written/);
      for (const [what, error] of Object.entries(found.refused)) {
        assert.deepEqual(error, { code: 'STORAGE_CORRUPT', message }, what);
      }
      assert.deepEqual([found.confirmed.events, found.none], [[], []]);
      assert.deepEqual(found.verified, {
        ...{ events: 0, pending: 8, streams: 5 },
        damage: [{ after: 0, through: 0, message }],
      });
      assert.deepEqual([found.rest.commits, found.rest.events], [4, 8]);
      assert.deepEqual(found.rest.verified, { events: 8, pending: 0, streams: 5, damage: [] });
      assert.deepEqual(found.rest.damage, found.verified.damage);
    });

    test('nothing failed outside of the promises', () => nothingFailed(world.page));
  },
  { load },
);
