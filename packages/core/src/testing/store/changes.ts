import assert from 'node:assert/strict';
import type { TenantChanges } from '../../stores/changes.ts';
import type { TenantStore } from '../../stores/store.ts';
import { draftOf, refuses, type StorePromises } from './promise.ts';

async function changesOf(store: TenantStore, since?: number): Promise<TenantChanges> {
  assert.ok(store.changes);
  return store.changes(since);
}

/** The changes that an action makes, as words. */
async function toldBy(store: TenantStore, act: () => Promise<unknown>): Promise<string[]> {
  const { until } = await changesOf(store);
  await act();
  const { complete, changes } = await changesOf(store, until);
  assert.equal(complete, true);
  return changes.map((change) => (change.kind === 'domain' ? change.host : `${change.tenant} ${change.kind}`));
}

/** What a store promises that tells of its changes. */
export const changePromises: StorePromises = {
  async 'each change of a tenant or a domain is told once, after it was asked for'(store) {
    const shop = { host: 'shop.acme.com', tenantId: 'acme', primary: false };
    assert.deepEqual(await toldBy(store, () => store.insert(draftOf('acme'), [{ ...shop, host: 'acme.com' }])), [
      'acme changed',
      'acme.com',
    ]);
    assert.deepEqual(await toldBy(store, () => store.update('acme', { name: 'Acme' })), ['acme changed']);
    assert.deepEqual(await toldBy(store, () => store.addDomain(shop)), ['shop.acme.com']);
    assert.deepEqual(await toldBy(store, () => store.removeDomain('acme', shop.host)), ['shop.acme.com']);
    assert.deepEqual(await toldBy(store, () => store.delete('acme')), ['acme removed']);
    assert.deepEqual(await toldBy(store, async () => {}), []);
  },

  async 'what was refused is not told'(store) {
    await store.insert(draftOf('acme'), [{ host: 'acme.com', tenantId: 'acme', primary: true }]);
    const told = await toldBy(store, async () => {
      await refuses('TENANT_EXISTS', store.insert(draftOf('acme'), []));
      await refuses('TRANSITION_REFUSED', store.update('acme', { status: 'active' }, ['failed']));
      await refuses('DOMAIN_TAKEN', store.addDomain({ host: 'acme.com', tenantId: 'acme', primary: false }));
      await store.removeDomain('birch', 'acme.com');
      await store.delete('birch');
    });
    assert.deepEqual(told, []);
  },

  async 'who asks while others write misses no change, whatever order they are committed in'(store) {
    const ids = Array.from({ length: 40 }, (_, n) => `t${n}`);
    let { until } = await changesOf(store);
    const told = new Set<string>();
    async function ask(): Promise<void> {
      const { complete, changes, until: next } = await changesOf(store, until);
      assert.equal(complete, true);
      for (const change of changes) if (change.kind !== 'domain') told.add(change.tenant);
      until = next;
    }
    let isWriting = true;
    const asking = (async () => {
      while (isWriting) await ask();
    })();
    await Promise.all(ids.map((id) => store.insert(draftOf(id), [])));
    isWriting = false;
    await asking;
    await ask();
    assert.deepEqual([...told].sort(), ids.toSorted());
  },

  async 'who asks from a number that the feed never had is told that anything may have changed'(store) {
    const { until } = await changesOf(store);
    const answer = await changesOf(store, until + 1_000);
    assert.deepEqual([answer.complete, answer.until], [false, until]);
  },
};
