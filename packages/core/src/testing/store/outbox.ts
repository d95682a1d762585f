import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { Outbox, TenantEventType } from '../../stores/outbox.ts';
import { tenantEventTypes } from '../../stores/outbox.ts';
import type { TenantStore } from '../../stores/store.ts';
import { draftOf, type StorePromises } from './promise.ts';

/** Two subscribers, one of all events and one of few, which are forgotten in the end. */
async function withSubscribers(
  { outbox }: TenantStore,
  work: (outbox: Outbox, all: string, few: string) => Promise<void>,
): Promise<void> {
  assert.ok(outbox);
  const [all, few] = [randomUUID(), randomUUID()];
  await outbox.subscribe([
    { name: all, types: tenantEventTypes },
    { name: few, types: ['domain.added'] },
  ]);
  await work(outbox, all, few);
  assert.equal(await outbox.unsubscribe(all), true);
  assert.equal(await outbox.unsubscribe(few), true);
  assert.equal(await outbox.unsubscribe(few), false);
  assert.deepEqual(await outbox.due(all, 10), []);
}

async function dueOf(outbox: Outbox, subscriber: string): Promise<[TenantEventType, string][]> {
  return (await outbox.due(subscriber, 10)).map(({ type, tenant }) => [type, tenant]);
}

/** What an outbox promises, of a store that has one. */
export const outboxPromises: StorePromises = {
  'an event is kept for each subscriber of its type until it was delivered, and those of a tenant are due in order': (
    store,
  ) =>
    withSubscribers(store, async (outbox, all, few) => {
      await store.insert(draftOf('elm', { status: 'provisioning' }), []);
      assert.deepEqual(await outbox.due(all, 10), []);
      const { createdAt } = await store.update('elm', { status: 'active' });
      await store.insert(draftOf('fir'), []);
      await store.addDomain({ host: 'elm.example', tenantId: 'elm', primary: false });
      await store.update('elm', { name: 'Elm' });
      const due = await outbox.due(all, 10);
      assert.deepEqual(
        due.map(({ type, tenant, attempts }) => [type, tenant, attempts]),
        [
          ['tenant.created', 'elm', 0],
          ['tenant.created', 'fir', 0],
        ],
      );
      assert.equal(due[0]?.createdAt.getTime(), createdAt.getTime());
      assert.equal((await outbox.due(all, 1)).length, 1);
      for (const { number } of due) await outbox.delivered(all, number);
      assert.deepEqual(await dueOf(outbox, all), [['domain.added', 'elm']]);
      const [same] = await outbox.due(few, 10);
      assert.deepEqual(await outbox.due(all, 10), [same]);
      assert.equal(same?.host, 'elm.example');
    }),

  'a message that failed is due later, and one that is dead holds up nothing until it is sent again': (store) =>
    withSubscribers(store, async (outbox, all) => {
      await store.insert(draftOf('elm'), []);
      await store.update('elm', { status: 'suspended' });
      const [first] = await outbox.due(all, 10);
      assert.ok(first);
      await outbox.failed(all, first.number, { error: 'down', retryMs: 3_600_000 });
      assert.deepEqual(await outbox.due(all, 10), []);
      await outbox.failed(all, first.number, { error: 'still down', retryMs: undefined });
      assert.deepEqual(await dueOf(outbox, all), [['tenant.suspended', 'elm']]);
      assert.deepEqual(await outbox.dead(all, { after: 0, limit: 10 }), [
        { ...first, attempts: 2, error: 'still down' },
      ]);
      assert.deepEqual(await outbox.dead(all, { after: first.number, limit: 10 }), []);
      assert.equal(await outbox.resend(all, randomUUID()), 0);
      assert.equal(await outbox.resend(all, first.id), 1);
      assert.deepEqual(await dueOf(outbox, all), [['tenant.created', 'elm']]);
    }),

  'nothing is due for a subscriber that is disabled, and all of it once it is not': (store) =>
    withSubscribers(store, async (outbox, all) => {
      await outbox.disable(all);
      await store.insert(draftOf('elm'), []);
      assert.deepEqual(await outbox.due(all, 10), []);
      const state = (await outbox.subscribers()).find(({ name }) => name === all);
      assert.deepEqual([state?.waiting, state?.dead], [1, 0]);
      assert.ok(state?.disabledAt instanceof Date);
      await outbox.resend(all);
      assert.deepEqual(await dueOf(outbox, all), [['tenant.created', 'elm']]);
    }),
};
