import assert from 'node:assert/strict';
import type { Tenant, TenantChange } from '../../models/tenant.ts';
import { draftOf, idsOf, refuses, type StorePromises } from './promise.ts';

/** What a store promises about tenants. */
export const tenantPromises: StorePromises = {
  async 'a tenant that was inserted is found as it was given'(store) {
    const config = { plan: 'gold', limits: { seats: 5 }, tags: ['a', 'b'], note: null };
    const draft = draftOf('acme', {
      name: 'Acme “Ltd”',
      status: 'provisioning',
      placement: { schema: 't_acme' },
      config,
    });
    const inserted = await store.insert(draft, []);
    const { createdAt, updatedAt, ...rest } = inserted;
    assert.deepEqual({ ...rest }, draft);
    assert.ok(createdAt instanceof Date && updatedAt instanceof Date);
    assert.deepEqual(await store.find('acme'), inserted);
  },

  async 'a tenant that is not there is undefined, and not an error'(store) {
    assert.equal(await store.find('nobody'), undefined);
    assert.equal(await store.findByDomain('nobody.example.com'), undefined);
  },

  async 'a second tenant of the same id is refused and changes nothing, also with the domains of the first'(store) {
    const domain = { host: 'acme.example.com', tenantId: 'acme', primary: true };
    await store.insert(draftOf('acme', { name: 'first' }), [domain]);
    for (const domains of [[], [domain]])
      await refuses('TENANT_EXISTS', store.insert(draftOf('acme', { name: 'second' }), domains));
    assert.equal((await store.find('acme'))?.name, 'first');
  },

  async 'a tenant is a snapshot that no scope can change for another'(store) {
    const config = { limits: { seats: 5 } };
    const inserted = await store.insert(draftOf('acme', { config, placement: { schema: 'a' } }), []);
    config.limits.seats = 6;
    for (const tenant of [inserted, await store.find('acme')] as Tenant[]) {
      assert.ok(Object.isFrozen(tenant) && Object.isFrozen(tenant.config) && Object.isFrozen(tenant.placement));
      assert.ok(Object.isFrozen(tenant.config.limits));
      assert.deepEqual({ ...tenant.config }, { limits: { seats: 5 } });
    }
  },

  async 'a change is kept, and an older snapshot stays as it was'(store) {
    const before = await store.insert(draftOf('acme'), []);
    const after = await store.update('acme', { name: 'Acme', config: { plan: 'gold' }, placement: { schema: 'b' } });
    assert.deepEqual([after.name, after.config.plan, after.placement.schema], ['Acme', 'gold', 'b']);
    assert.equal(before.name, 'acme');
    assert.deepEqual(await store.find('acme'), after);
    assert.ok(after.updatedAt >= before.updatedAt);
    assert.deepEqual(after.createdAt, before.createdAt);
  },

  async 'a change replaces the config whole'(store) {
    await store.insert(draftOf('acme', { config: { plan: 'gold', seats: 5 } }), []);
    assert.deepEqual({ ...(await store.update('acme', { config: { plan: 'free' } })).config }, { plan: 'free' });
  },

  async 'a status changes only from one of the expected ones'(store) {
    await store.insert(draftOf('acme', { status: 'suspended' }), []);
    await refuses('TRANSITION_REFUSED', store.update('acme', { status: 'active' }, ['maintenance', 'failed']));
    assert.equal((await store.find('acme'))?.status, 'suspended');
    assert.equal((await store.update('acme', { status: 'active' }, ['maintenance', 'suspended'])).status, 'active');
  },

  async 'a change of a tenant that is not there is refused'(store) {
    await refuses('TENANT_UNKNOWN', store.update('nobody', { name: 'x' }));
    await refuses('TENANT_UNKNOWN', store.update('nobody', { status: 'active' }, ['suspended']));
  },

  async 'what never changes is refused, and nothing of that change is kept'(store) {
    const before = await store.insert(draftOf('acme'), []);
    for (const forbidden of [
      { id: 'other' },
      { isolation: 'row' },
      { createdAt: new Date(0) },
      { updatedAt: new Date(0) },
    ]) {
      await refuses('TENANT_INVALID', store.update('acme', { name: 'x', ...forbidden } as TenantChange));
    }
    assert.deepEqual(await store.find('acme'), before);
    assert.equal(await store.find('other'), undefined);
  },

  async 'all tenants come in the order of their ids'(store) {
    for (const id of ['cedar', 'acme', 'birch']) await store.insert(draftOf(id), []);
    assert.deepEqual(await idsOf(store.all()), ['acme', 'birch', 'cedar']);
  },

  async 'all tenants can be filtered by status and isolation'(store) {
    await store.insert(draftOf('acme'), []);
    await store.insert(draftOf('birch', { status: 'suspended' }), []);
    await store.insert(draftOf('cedar', { isolation: 'database' }), []);
    assert.deepEqual(await idsOf(store.all({ status: 'suspended' })), ['birch']);
    assert.deepEqual(await idsOf(store.all({ isolation: 'schema' })), ['acme', 'birch']);
    assert.deepEqual(await idsOf(store.all({ status: 'active', isolation: 'database' })), ['cedar']);
    assert.deepEqual(await idsOf(store.all({ status: 'failed' })), []);
  },

  async 'reading all tenants can stop early'(store) {
    for (const id of ['acme', 'birch']) await store.insert(draftOf(id), []);
    for await (const { id } of store.all()) {
      assert.equal(id, 'acme');
      break;
    }
    assert.deepEqual(await idsOf(store.all()), ['acme', 'birch']);
  },

  async 'a deleted tenant is gone, and deleting it again does nothing'(store) {
    await store.insert(draftOf('acme'), []);
    await store.delete('acme');
    await store.delete('acme');
    assert.equal(await store.find('acme'), undefined);
    assert.deepEqual(await idsOf(store.all()), []);
  },

  async 'an id can be used again after its tenant is deleted, with nothing left of the old one'(store) {
    await store.insert(draftOf('acme', { config: { plan: 'gold' } }), [
      { host: 'old.example.com', tenantId: 'acme', primary: true },
    ]);
    await store.delete('acme');
    await store.insert(draftOf('acme'), []);
    assert.deepEqual({ ...(await store.find('acme'))?.config }, {});
    assert.deepEqual(await store.domains('acme'), []);
    assert.equal(await store.findByDomain('old.example.com'), undefined);
  },
};
