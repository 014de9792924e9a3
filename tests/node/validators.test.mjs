// Validators, signals and typed errors of the client, over the store in memory.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EventStore, InvalidPayload, UndecodableEvent } from 'eventcore-web';

/** A schema as libraries make them: an amount, which may be text, from 0; `later` answers with a promise. */
const amount = (later = false) => ({
  '~standard': {
    version: 1,
    vendor: 'test',
    validate(value) {
      const number = Number(value?.amount);
      const result =
        number >= 0
          ? { value: { amount: number } }
          : { issues: [{ message: 'is below 0', path: ['items', { key: 0 }, 'amount'] }] };
      return later ? Promise.resolve(result) : result;
    },
  },
});
const paid = (payload, streamId = 'a') => ({ streamId, type: 'Paid', payload, expectedVersion: 'noCheck' });
const open = (options) => EventStore.open('test', { storage: 'memory', ...options });

describe('validators', () => {
  for (const later of [false, true]) {
    test(`what the schema answers is written${later ? ', when it comes' : ''}`, async () => {
      const store = await open({ validators: { Paid: amount(later) }, validateReads: true });
      await store.writeEvents([paid({ amount: '5', more: 1 }), { ...paid({ any: 1 }), type: 'Other' }]);
      const { events } = await store.readStream('a');
      assert.deepEqual(
        events.map((event) => event.payload),
        [{ amount: 5 }, { any: 1 }],
      );
      await assert.rejects(store.writeEvents([paid({ amount: 1 }), paid({ amount: -1 })]), (error) => {
        assert.ok(error instanceof InvalidPayload);
        assert.deepEqual([error.code, error.path], ['INVALID_PAYLOAD', '$.items[0].amount']);
        assert.equal(error.issues[0].message, 'is below 0');
        assert.match(error.message, /"Paid": is below 0 at \$\.items\[0\]\.amount/);
        return true;
      });
      assert.equal((await store.readAllEvents()).head, 2, 'nothing of the refused batch was written');
    });

    test(`what was written before the schema is named when it is read${later ? ', later' : ''}`, async () => {
      const upcasters = { Paid: [] };
      const store = await open({ validators: { Paid: amount(later) }, validateReads: true, upcasters });
      await store.writeEvents([paid({ amount: 5 })]);
      // The upcaster of a next release is at fault.
      upcasters.Paid.push(() => ({ amount: -1 }));
      const named = (error) => {
        assert.ok(error instanceof UndecodableEvent);
        assert.deepEqual([error.eventType, error.issues.length], ['Paid', 1]);
        return true;
      };
      await assert.rejects(store.readStream('a'), named);
      await assert.rejects(store.readAllEvents(), named);
      await assert.rejects(store.subscribe().next(), named);
    });
  }

  test('writes begin in the order in which they were asked for', async () => {
    const store = await open({ validators: { Paid: amount() } });
    await Promise.all([1, 2, 3, 4].map((number) => store.writeEvents([paid({ amount: number })])));
    const { events } = await store.readStream('a');
    assert.deepEqual(
      events.map((event) => event.payload.amount),
      [1, 2, 3, 4],
    );
  });
});

test('a store is closed when its block is left', async () => {
  const store = await open();
  await store[Symbol.asyncDispose ?? Symbol.for('missing')]?.();
  if (Symbol.asyncDispose) await assert.rejects(store.readAllEvents(), { code: 'CLOSED' });
});
