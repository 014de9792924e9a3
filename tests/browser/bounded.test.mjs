// A large log is opened by as many requests as a small one, and read page by page in as much memory.
// `EVENTS=1000000 node --test tests/browser/bounded.test.mjs` tries it with a million events.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { inEachBrowser, openPage } from '../support/pages.mjs';

/** Events of the large log; the small one has a quarter. */
const EVENTS = Number(process.env.EVENTS ?? 40_000);
const SIZES = { small: EVENTS / 4, large: EVENTS };
/** Events of a page, and of a commit. */
const PAGE = 1_000;
const COMMIT = 500;
/** Bytes that what is kept may differ by: a quarter of the small log, in the smallest run, is three times as much. */
const SLACK = 1_000_000;
/** What hangs is broken. */
const TIMEOUT = { timeout: 300_000 + EVENTS };

/** Gives a page the package, with its memory and its requests of IndexedDB counted. */
const load = (page) =>
  page.evaluate(async () => {
    const memories = [];
    for (const how of ['instantiate', 'instantiateStreaming']) {
      const original = WebAssembly[how];
      WebAssembly[how] = async (...args) => {
        const made = await original.apply(WebAssembly, args);
        const exported = Object.values((made.instance ?? made).exports);
        memories.push(...exported.filter((value) => value instanceof WebAssembly.Memory));
        return made;
      };
    }
    globalThis.wasmBytes = () => memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);

    const asked = { requests: 0, bytes: 0 };
    const size = (value) => {
      if (typeof value === 'string') return value.length;
      if (typeof value !== 'object' || value === null) return 8;
      if (value instanceof IDBCursor) return size(value.key) + size(value.primaryKey) + size(value.value);
      return Object.values(value).reduce((sum, part) => sum + size(part), 0);
    };
    const METHODS = ['get', 'getKey', 'getAll', 'getAllKeys', 'count', 'openCursor', 'openKeyCursor'];
    for (const { prototype } of [IDBObjectStore, IDBIndex]) {
      for (const method of METHODS) {
        const original = prototype[method];
        prototype[method] = function (...args) {
          const request = original.apply(this, args);
          asked.requests += 1;
          request.addEventListener('success', () => {
            asked.bytes += size(request.result);
          });
          return request;
        };
      }
    }
    /** What was asked for since it was last asked. */
    globalThis.asked = () => {
      const since = { ...asked };
      Object.assign(asked, { requests: 0, bytes: 0 });
      return since;
    };
    globalThis.EventStore = (await import('/index.js')).EventStore;
  });

/** Fills a store: commits of many streams, with one stream of ten in the middle, and some events one at a time. */
const fill = (page, name, count) =>
  page.evaluate(
    async ([name, count, commit]) => {
      const store = await globalThis.EventStore.open(name, { durability: 'relaxed' });
      const event = (streamId, number) => ({
        ...{ streamId, type: 'OrderPlaced', expectedVersion: 'noCheck' },
        payload: {
          number,
          customer: 'Ada Lovelace',
          note: `${number} ${'as agreed, at the door. '.repeat(8)}`,
        },
      });
      for (let at = 0; at < count; at += commit) {
        const events = Array.from({ length: commit }, (_, index) => event(`order-${(at + index) % 997}`, at));
        if (at === count / 2) for (let index = 0; index < 10; index += 1) events[index].streamId = 'middle';
        await store.writeEvents(events);
      }
      for (let single = 0; single < 50; single += 1) await store.writeEvents([event('single', single)]);
      await store.close();
    },
    [name, count, COMMIT],
  );

inEachBrowser(
  '',
  (world) => {
    before(async () => {
      for (const [name, count] of Object.entries(SIZES)) await fill(world.page, name, count);
    }, TIMEOUT);

    /** Bytes that a page keeps, when what is not needed was collected. */
    const kept = async (page, session) => {
      await session.send('HeapProfiler.collectGarbage');
      const { usedSize, embedderHeapUsedSize = 0 } = await session.send('Runtime.getHeapUsage');
      const wasm = await page.evaluate(() => globalThis.wasmBytes());
      assert.ok(usedSize > 0 && wasm > 0, `heap ${usedSize}, wasm ${wasm}`);
      return { heap: usedSize, dom: embedderHeapUsedSize, wasm };
    };

    /** Reads a log to its end, eight parts of it one after the other; answers what was kept after each. */
    const readings = async (name, read) => {
      const page = await openPage(world.browser, world.site.url, load);
      const session = await page.context().newCDPSession(page);
      await page.evaluate(async (name) => {
        globalThis.store = await globalThis.EventStore.open(name);
      }, name);
      const parts = [];
      for (let part = 1; part <= 8; part += 1) {
        await page.evaluate(read, [Math.ceil((SIZES[name] * part) / 8), PAGE]);
        parts.push(await kept(page, session));
      }
      await page.close();
      return parts;
    };

    const WAYS = {
      'page by page': async ([until, page]) => {
        globalThis.read ??= { cursor: 0 };
        while (globalThis.read.cursor < until) {
          const { events, cursor } = await globalThis.store.readAllEvents({
            after: globalThis.read.cursor,
            maxEvents: page,
          });
          if (events.length === 0) throw new Error(`the feed ends at ${cursor}`);
          globalThis.read.cursor = cursor;
        }
      },
      'by a subscription': async ([until]) => {
        globalThis.following ??= globalThis.store.subscribe();
        for (let position = 0; position < until; ) ({ position } = (await globalThis.following.next()).value);
      },
      'as an export': async ([until]) => {
        globalThis.exported ??= { reader: globalThis.store.export().getReader(), lines: 0 };
        while (globalThis.exported.lines < until) {
          const { done, value } = await globalThis.exported.reader.read();
          if (done) throw new Error(`the export ends after ${globalThis.exported.lines} lines`);
          for (const byte of value) if (byte === 10) globalThis.exported.lines += 1;
        }
      },
    };

    for (const [way, read] of Object.entries(WAYS)) {
      test(
        `a log that is read ${way} takes as much memory at its end as at its beginning`,
        TIMEOUT,
        async (context) => {
          const [small, large] = [await readings('small', read), await readings('large', read)];
          context.diagnostic(`${EVENTS} events: ${JSON.stringify([large[0], large.at(-1)])}`);
          for (const what of ['heap', 'dom', 'wasm']) {
            const grown = large.at(-1)[what] - large[1][what];
            assert.ok(grown < SLACK, `${what}: ${large.map((part) => part[what])}`);
            const more = large.at(-1)[what] - small.at(-1)[what];
            assert.ok(more < SLACK, `${what}: ${more} more than a log a quarter as long`);
          }
        },
      );
    }

    test(
      'a large log is opened, read and written to by as many requests as a small one',
      TIMEOUT,
      async (context) => {
        const opening = async (name) => {
          const page = await openPage(world.browser, world.site.url, load);
          const seen = await page.evaluate(async (name) => {
            const { EventStore, asked } = globalThis;
            const store = await EventStore.open(name);
            const steps = { open: asked() };
            const { events } = await store.readStream('middle');
            steps.stream = asked();
            const page = await store.readAllEvents({ maxEvents: 100 });
            steps.page = asked();
            const event = { streamId: 'single', type: 'Late', payload: {}, expectedVersion: 50 };
            const { positions } = await store.writeEvents([event]);
            steps.append = asked();
            await store.close();
            return { read: [events.length, page.events.length], written: positions.first, steps };
          }, name);
          await page.close();
          assert.deepEqual(seen.read, [10, 100]);
          assert.equal(seen.written, SIZES[name] + 51);
          return seen.steps;
        };
        const [small, large] = [await opening('small'), await opening('large')];
        context.diagnostic(`${EVENTS} events: ${JSON.stringify(large)}`);
        for (const [step, { requests, bytes }] of Object.entries(large)) {
          assert.equal(requests, small[step].requests, step);
          assert.ok(
            bytes < small[step].bytes * 1.1 + 100,
            `${step}: ${bytes} bytes, not ${small[step].bytes}`,
          );
        }
        const requests = Object.values(large).reduce((sum, step) => sum + step.requests, 0);
        assert.ok(requests > 0 && requests < 20, `${requests} requests`);
      },
    );
  },
  { load, names: ['chromium'] },
);
