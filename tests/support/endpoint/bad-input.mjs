// Whatever is sent to a host of the endpoint, it answers with a typed refusal or carries it out, whole.

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { it } from 'node:test';
import { commit } from '../http.mjs';

/** Stands in a commit where a text is put that is no JSON which JavaScript would write. */
const HERE = '"put it here"';
const STREAMS = 5_000;

/** @param {import('./talk.mjs').Talk} talk */
export function badInput({ host, call, fresh, push, pull }) {
  /** Sends a body; answers what became of its first commit, and holds that against what is in the space then. */
  const outcome = async (body, space = fresh()) => {
    const { status, text, json } = await call('POST', `/v1/spaces/${space}/push`, { body });
    const said = status === 200 ? json.outcomes[0].status : `${status}`;
    const { head } = await pull(space);
    if (said === 'accepted') assert.ok(head > 0);
    else assert.equal(head, 0, `nothing may be written: ${text.slice(0, 500)}`);
    assert.ok(status === 200 || (status >= 400 && status < 500), text.slice(0, 500));
    return [said, status === 200 ? json.outcomes[0].code : json.error.code];
  };
  const pushOf = (commits) => JSON.stringify({ commits });
  const withPayload = (text) =>
    pushOf([commit({ s: 'noStream' }, [{ stream: 's', payload: 'put it here' }])]).replace(HERE, text);

  it('rejects by its name what JSON or PostgreSQL cannot carry', async () => {
    for (const payload of [
      ...['1e400', '-1e999', '9007199254740993', '123456789012345678901234567890', '{"a":1,"a":2}'],
      ...['"\\u0000"', '{"\\u0000":1}', '"\\ud800"', '"\\ud83d\\ud83d"', '["\\udc00"]'],
    ]) {
      assert.deepEqual(await outcome(withPayload(payload)), ['rejected', 'INVALID_PAYLOAD'], payload);
    }
    for (const payload of ['01', '1.', 'NaN', "'a'", '"\\x"', '"\u0001"', '[1,]', '{a:1}', '1 2', '']) {
      assert.deepEqual(await outcome(withPayload(payload)), ['400', 'INVALID_REQUEST'], payload);
    }
  });

  it('takes a name only where it is one', async () => {
    const named = (at, name) => {
      const bad = commit({ s: 'noStream' }, [{ stream: 's' }]);
      bad.events[0][at] = name;
      return outcome(pushOf([bad]));
    };
    for (const [at, code] of [
      ['streamId', 'INVALID_STREAM_ID'],
      ['type', 'INVALID_NAME'],
      ['id', 'INVALID_EVENT_ID'],
      ['occurredAt', 'INVALID_BATCH'],
    ]) {
      for (const name of [' a', '', 'x'.repeat(256), 'a\nb', '\u0000', 'a\u0000']) {
        assert.deepEqual(await named(at, name), ['rejected', code], `${at} ${JSON.stringify(name)}`);
      }
    }
    // Half of a character is no text at all. As text: JavaScript would not send it.
    const lone = pushOf([commit({ half: 'noStream' }, [{ stream: 'half' }])]).replaceAll(
      '"half"',
      '"\\ud800"',
    );
    assert.deepEqual(await outcome(lone), ['400', 'INVALID_REQUEST']);
  });

  it('takes a key once', async () => {
    const twice = pushOf([commit({ s: 'noStream' }, [{ stream: 's' }])]);
    for (const key of ['commits', 'id', 'events', 'streamId', 'payload']) {
      const body = twice.replace(`"${key}":`, `"${key}":null,"${key}":`);
      const [said] = await outcome(body);
      assert.equal(said, '400', key);
    }
  });

  it('bounds depth wherever it is', async () => {
    for (const depth of [129, 10_000, 1_000_000]) {
      for (const [open, close] of [
        ['[', ']'],
        ['{"a":', '}'],
      ]) {
        const bomb = `${open.repeat(depth)}1${close.repeat(depth)}`;
        for (const body of [withPayload(bomb), bomb, open.repeat(depth)]) {
          const [said] = await outcome(body);
          assert.notEqual(said, 'accepted', `${depth} levels of ${open}`);
        }
      }
    }
  });

  it('takes ten megabytes, and no payload of that size', async () => {
    const space = fresh();
    const payload = 'x'.repeat(100_000);
    const large = Array.from({ length: 100 }, () => commit({ s: 'noCheck' }, [{ stream: 's', payload }]));
    assert.equal((await push(space, ...large)).head, 100);
    const single = commit({ s: 'noStream' }, [{ stream: 's', payload: 'x'.repeat(10 << 20) }]);
    assert.deepEqual(await outcome(pushOf([single])), ['rejected', 'PAYLOAD_TOO_LARGE']);
  });

  it('writes a commit over thousands of streams as a whole, or refuses it', async () => {
    const names = Array.from({ length: STREAMS }, (_, at) => `s-${at}`);
    const space = fresh();
    const many = commit(
      Object.fromEntries(names.map((name) => [name, 'noStream'])),
      names.map((stream) => ({ stream })),
    );
    const [said] = await outcome(pushOf([many]), space);
    assert.equal((await pull(space)).head, said === 'accepted' ? STREAMS : 0);
    // One of them is not as expected: then none is written.
    const next = await push(fresh(), commit({ 's-7': 'noStream' }, [{ stream: 's-7' }]));
    assert.equal(next.head, 1);
    const torn = { ...many, id: commit({}, []).id };
    torn.expectations = many.expectations.map((each) => ({
      ...each,
      expected: each.streamId === 's-9' ? 4 : 'noStream',
    }));
    const other = fresh();
    assert.deepEqual((await push(other, torn)).outcomes[0].status, 'conflict');
    assert.equal((await pull(other)).head, 0);
  });

  it('writes nothing of a body that broke off, and goes on', async () => {
    const space = fresh();
    const body = pushOf([commit({ s: 'noStream' }, [{ stream: 's' }])]);
    const { hostname, port } = new URL(host().url);
    await new Promise((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => {
        const head = `POST /v1/spaces/${space}/push HTTP/1.1\r\nhost: ${hostname}:${port}\r\n`;
        socket.write(`${head}content-length: ${body.length + 1}\r\n\r\n${body}`, () => socket.end(resolve));
      });
      socket.on('error', reject).resume();
    });
    assert.equal((await pull(space)).head, 0);
  });
}
