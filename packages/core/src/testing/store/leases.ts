import assert from 'node:assert/strict';
import type { TenantStore } from '../../stores/store.ts';
import { draftOf, oneWins, refuses, type StorePromises } from './promise.ts';

const hour = 3_600_000;
const first = { holder: 'first', verb: 'remove' };
const second = { holder: 'second', verb: 'repair' };

function leasesOf({ leases }: TenantStore) {
  assert.ok(leases);
  return leases;
}

/** What a write promises that is meant for one incarnation. */
export const fencePromises: StorePromises = {
  async 'a change or deletion that is meant for a removed tenant leaves its successor alone'(store) {
    const { createdAt } = await store.insert(draftOf('acme'), []);
    await store.delete('acme', { createdAt });
    await refuses('TENANT_UNKNOWN', store.update('acme', { name: 'late' }, undefined, { createdAt }));
    await new Promise((resolve) => setTimeout(resolve, 2));
    const successor = await store.insert(draftOf('acme'), [{ host: 'acme.com', tenantId: 'acme', primary: true }]);
    await refuses('TENANT_OUTDATED', store.update('acme', { name: 'late' }, undefined, { createdAt }));
    await refuses('TENANT_OUTDATED', store.delete('acme', { createdAt }));
    assert.deepEqual(await store.findByDomain('acme.com'), successor);
    const found = await store.find('acme');
    const fence = { createdAt: found?.createdAt };
    assert.equal((await store.update('acme', { name: 'in time' }, ['active'], fence)).name, 'in time');
    const { createdAt: since } = successor;
    await store.delete('acme', { createdAt: since });
    assert.equal(await store.find('acme'), undefined);
  },

  async 'of changes that are meant for the record as it was read, one is made'(store) {
    const { createdAt, updatedAt } = await store.insert(draftOf('birch'), []);
    const attempts = ['a', 'b', 'c'].map((name) =>
      store.update('birch', { name }, undefined, { createdAt, updatedAt }),
    );
    const changed = await oneWins('TENANT_CHANGED', attempts);
    assert.deepEqual(await store.find('birch'), changed);
    const next = await store.update('birch', { name: 'd' }, undefined, { updatedAt: changed.updatedAt });
    assert.equal(next.name, 'd');
    assert.ok(next.updatedAt > changed.updatedAt);
  },
};

/** What leases promise, of a store that has them. Each is of an id of its own, because a lease outlives its tenant. */
export const leasePromises: StorePromises = {
  async 'a lease is one holder’s until it is given back'(store) {
    const leases = leasesOf(store);
    assert.deepEqual({ ...(await leases.take('alder', first, hour)) }, first);
    assert.equal((await leases.take('alder', second, hour)).holder, 'first');
    assert.equal((await leases.take('other', second, hour)).holder, 'second');
    await leases.release('alder', 'second');
    assert.equal((await leases.take('alder', second, hour)).verb, 'remove');
    await leases.release('alder', 'first');
    assert.equal((await leases.take('alder', second, hour)).holder, 'second');
  },

  async 'of holders that ask at once, one gets the lease'(store) {
    const leases = leasesOf(store);
    const holders = [...'abcdefgh'];
    const inForce = await Promise.all(
      holders.map(async (holder) => [holder, (await leases.take('birch', { holder, verb: 'create' }, hour)).holder]),
    );
    assert.equal(inForce.filter(([asked, holder]) => asked === holder).length, 1);
  },

  async 'a lease that ended is another’s, and is never extended by the former holder'(store) {
    const leases = leasesOf(store);
    await leases.take('cedar', first, 1);
    assert.equal(await leases.renew('cedar', 'first', 1), true);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal((await leases.take('cedar', second, hour)).holder, 'second');
    assert.equal(await leases.renew('cedar', 'first', hour), false);
    await leases.release('cedar', 'second');
    assert.equal(await leases.renew('cedar', 'first', hour), false);
  },

  async 'a lease that is extended in time stays with its holder'(store) {
    const leases = leasesOf(store);
    await leases.take('doum', first, 1);
    assert.equal(await leases.renew('doum', 'first', hour), true);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal((await leases.take('doum', second, hour)).holder, 'first');
  },

  async 'what the former holder of a lease writes is refused, and changes nothing'(store) {
    const leases = leasesOf(store);
    const tenant = await store.insert(draftOf('elm'), []);
    await leases.take('elm', first, 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await leases.take('elm', second, hour);
    const late = { createdAt: tenant.createdAt, holder: 'first' };
    await refuses('TENANT_BUSY', store.update('elm', { status: 'removing' }, undefined, late));
    await refuses('TENANT_BUSY', store.delete('elm', late));
    assert.deepEqual(await store.find('elm'), tenant);
    await leases.release('elm', 'second');
    await refuses('TENANT_BUSY', store.delete('elm', late));
    await leases.take('elm', second, hour);
    await store.update('elm', { name: 'Acme' }, ['active'], { holder: 'second' });
    await store.delete('elm', { holder: 'second' });
    assert.equal(await store.find('elm'), undefined);
  },
};
