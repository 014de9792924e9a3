// The messages on the wire, as `tests/wire` has them to the byte: they are what the OpenAPI document says, the client
// sends them, and understands them. tests/wire.rs holds the endpoint to the same files.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { ERROR_CLASSES, errorOf } from '../../dist/errors.js';
import { EventStore } from '../../dist/index.js';
import { ROOT } from '../../js/tools/run.mjs';
import { until } from '../support/http.mjs';
import { DOCUMENT, problems } from '../support/openapi.mjs';

const FOLDER = path.join(ROOT, 'tests', 'wire');
const read = (name) => readFileSync(path.join(FOLDER, name), 'utf8').replace(/\n$/, '');
const json = (name) => JSON.parse(read(name));
const ERRORS = read('errors.ndjson')
  .split('\n')
  .map((line) => JSON.parse(line));

/** The files have an event of its second schema. */
const upcasters = { OrderPlaced: [(payload) => payload] };

describe('the messages on the wire', () => {
  it('are what the OpenAPI document says', () => {
    const files = readdirSync(FOLDER).filter((file) => file.endsWith('.json'));
    assert.ok(files.length >= 11);
    for (const file of files) {
      const schema = /^push-.*\.request/.test(file)
        ? 'PushRequest'
        : file.startsWith('push-')
          ? 'PushAnswer'
          : 'EventsAnswer';
      assert.equal(problems(`/components/schemas/${schema}`, json(file)), '', file);
    }
    const messages = read('live.stream.txt').matchAll(/^event: (\w+)\n(?:id: \d+\n)?data: (.*)$/gm);
    const schemas = { page: 'EventsAnswer', end: 'ErrorAnswer' };
    const seen = [...messages].map(([, event, data]) => {
      assert.equal(problems(`/components/schemas/${schemas[event]}`, JSON.parse(data)), '', event);
      return event;
    });
    assert.deepEqual(seen, ['page', 'end']);
  });

  it('name every error, each with a class of its own', () => {
    const codes = ERRORS.map(({ body }) => body.error.code);
    // A conflict is an outcome of a push, and no answer of its own.
    assert.deepEqual([...codes, 'VERSION_CONFLICT'].sort(), DOCUMENT.components.schemas.ErrorCode.enum);
    for (const { status, body } of ERRORS) {
      assert.equal(problems('/components/schemas/ErrorAnswer', body), '');
      assert.ok(status >= 400 && status < 600);
      const { code, message } = body.error;
      const error = errorOf(code, message);
      assert.ok(error instanceof ERROR_CLASSES[code], code);
      assert.deepEqual([error.code, error.message], [code, message]);
    }
  });

  it('are what a client sends and understands', { timeout: 120_000 }, async () => {
    const pushed = [];
    /** What the endpoint lets this client know of, by and by. */
    let known = 0;
    const fetch = async (url, { method = 'GET', body, signal } = {}) => {
      const { pathname, searchParams } = new URL(url);
      const answer = (text, type = 'application/json') =>
        new Response(text, { headers: { 'content-type': type, 'eventcore-protocol': '1' } });
      if (method === 'POST') {
        pushed.push(body instanceof Uint8Array ? Buffer.from(body).toString() : String(body));
        known = 3 + pushed.length;
        return answer(read(`push-${['1-accepted', '3-conflict'][pushed.length - 1]}.answer.json`));
      }
      if (pathname.endsWith('/live')) {
        // What it would say is tried below: here it is silent until it is given up.
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      }
      if (known === 0) return answer(read('events-empty.answer.json'));
      const all = json('events.answer.json');
      const after = Number(searchParams.get('after'));
      const events = all.events.filter(({ position }) => position > after && position <= known);
      return answer(JSON.stringify({ ...all, head: known, cursor: known, events }));
    };
    const store = await EventStore.open('wire', { storage: 'memory', upcasters });
    /** Writes the commits of a push as an app does. */
    const write = async (name) => {
      for (const { id, expectations, events } of json(name).commits) {
        const expected = Object.fromEntries(expectations.map((each) => [each.streamId, each.expected]));
        const isWritten = ({ streamId }) => events.some((event) => event.streamId === streamId);
        await store.writeEvents({
          commitId: id,
          events: events.map(({ metadata: { schemaVersion: _, ...metadata }, ...event }) => ({
            ...event,
            metadata,
            expectedVersion: expected[event.streamId],
          })),
          preconditions: expectations
            .filter((each) => !isWritten(each))
            .map(({ streamId, expected: expectedVersion }) => ({ streamId, expectedVersion })),
        });
      }
    };
    await write('push-1-accepted.request.json');
    const conflicts = [];
    const options = { url: 'http://wire.example', space: 'team-1', pollInterval: 50, fetch };
    const onConflict = (about) => {
      conflicts.push(about);
      return 'park';
    };
    let sync = store.sync(options);
    try {
      await until(() => sync.status.pendingCommits === 0 && sync.status.confirmed === 4);
      assert.equal(pushed[0], read('push-1-accepted.request.json'));
      assert.deepEqual((await store.readAllEvents()).events, json('events.answer.json').events.slice(0, 4));
      // Both wait when they are pushed.
      sync.stop();
      await write('push-3-conflict.request.json');
      sync = store.sync({ ...options, onConflict });
      await until(() => conflicts.length > 0);
      assert.equal(pushed[1], read('push-3-conflict.request.json'));
      const { commitId, streams, remoteEvents } = conflicts[0];
      const { status, ...said } = json('push-3-conflict.answer.json').outcomes[0];
      assert.deepEqual({ commitId, streams, events: remoteEvents }, said);
    } finally {
      sync.stop();
      await store.close();
    }
  });

  it('come live, too', { timeout: 120_000 }, async () => {
    const store = await EventStore.open('wire-live', { storage: 'memory', upcasters });
    let live = read('live.stream.txt');
    const sync = store.sync({
      ...{ url: 'http://wire.example', space: 'team-1', pollInterval: 600_000 },
      async fetch(url, { signal } = {}) {
        const headers = { 'eventcore-protocol': '1' };
        if (!new URL(url).pathname.endsWith('/live')) {
          const { events, ...all } = json('events.answer.json');
          const known = events.filter(({ position }) => position <= 4);
          return Response.json({ ...all, head: 4, cursor: 4, events: known }, { headers });
        }
        const body = live;
        live = '';
        if (body === '') await new Promise((resolve) => signal.addEventListener('abort', resolve));
        return new Response(body, { headers: { ...headers, 'content-type': 'text/event-stream' } });
      },
    });
    try {
      await until(() => sync.status.confirmed === 5);
      assert.deepEqual((await store.readAllEvents()).events, json('events.answer.json').events);
    } finally {
      sync.stop();
      await store.close();
    }
  });
});
