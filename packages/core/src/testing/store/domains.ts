import assert from 'node:assert/strict';
import type { Domain } from '../../models/domain.ts';
import { draftOf, refuses, type StorePromises } from './promise.ts';

const acme: Domain = { host: 'acme.example.com', tenantId: 'acme', primary: true };
const shop: Domain = { host: 'shop.acme.example.com', tenantId: 'acme', primary: false };

/** What a store promises about domains. */
export const domainPromises: StorePromises = {
  async 'a tenant is found by each of its domains'(store) {
    const tenant = await store.insert(draftOf('acme'), [acme]);
    await store.addDomain(shop);
    assert.deepEqual(await store.findByDomain(acme.host), tenant);
    assert.deepEqual(await store.findByDomain(shop.host), tenant);
    assert.equal(await store.findByDomain('example.com'), undefined);
  },

  async 'a store that is asked which of many names exist leaves none of them out'(store) {
    await store.insert(draftOf('acme'), [acme]);
    await store.addDomain(shop);
    await store.insert(draftOf('birch'), []);
    const none = Array.from({ length: 1_000 }, (_, n) => `none-${n}`);
    const asked = {
      ids: [...none, 'acme', 'birch'],
      hosts: [...none.map((name) => `${name}.com`), acme.host, shop.host],
    };
    const found = (await store.existing?.(asked)) ?? asked;
    for (const id of ['acme', 'birch']) assert.ok(found.ids.includes(id), id);
    for (const host of [acme.host, shop.host]) assert.ok(found.hosts.includes(host), host);
  },

  async 'a tenant has its domains in the order of their hosts'(store) {
    await store.insert(draftOf('acme'), [shop, acme]);
    await store.insert(draftOf('birch'), [{ host: 'birch.example.com', tenantId: 'birch', primary: false }]);
    assert.deepEqual(await store.domains('acme'), [acme, shop]);
    assert.deepEqual(await store.domains('nobody'), []);
  },

  async 'a tenant whose domain is taken is not inserted at all'(store) {
    await store.insert(draftOf('acme'), [acme]);
    const free = { host: 'birch.example.com', tenantId: 'birch', primary: false };
    await refuses('DOMAIN_TAKEN', store.insert(draftOf('birch'), [free, { ...acme, tenantId: 'birch' }]));
    assert.equal(await store.find('birch'), undefined);
    assert.equal(await store.findByDomain(free.host), undefined);
    assert.equal((await store.findByDomain(acme.host))?.id, 'acme');
  },

  async 'a domain that is taken is refused, by its own tenant too'(store) {
    await store.insert(draftOf('acme'), [acme]);
    await store.insert(draftOf('birch'), []);
    await refuses('DOMAIN_TAKEN', store.addDomain({ ...acme, tenantId: 'birch' }));
    await refuses('DOMAIN_TAKEN', store.addDomain({ ...acme, primary: false }));
    assert.deepEqual(await store.domains('acme'), [acme]);
    assert.deepEqual(await store.domains('birch'), []);
  },

  async 'a refused primary domain leaves the old one primary'(store) {
    await store.insert(draftOf('acme'), [acme]);
    await store.insert(draftOf('birch'), [{ host: 'birch.example.com', tenantId: 'birch', primary: true }]);
    await refuses('DOMAIN_TAKEN', store.addDomain({ host: acme.host, tenantId: 'birch', primary: true }));
    assert.deepEqual(await store.domains('birch'), [{ host: 'birch.example.com', tenantId: 'birch', primary: true }]);
  },

  async 'a domain of a tenant that is not there is refused'(store) {
    await refuses('TENANT_UNKNOWN', store.addDomain(acme));
    assert.equal(await store.findByDomain(acme.host), undefined);
  },

  async 'a new primary domain takes the place of the old'(store) {
    await store.insert(draftOf('acme'), [acme]);
    await store.addDomain({ ...shop, primary: true });
    assert.deepEqual(await store.domains('acme'), [
      { ...acme, primary: false },
      { ...shop, primary: true },
    ]);
  },

  async 'a domain that is removed leads nowhere, and only its own tenant removes it'(store) {
    await store.insert(draftOf('acme'), [acme, shop]);
    assert.equal(await store.removeDomain('birch', acme.host), false);
    assert.equal((await store.findByDomain(acme.host))?.id, 'acme');
    assert.equal(await store.removeDomain('acme', acme.host), true);
    assert.equal(await store.removeDomain('acme', acme.host), false);
    assert.equal(await store.findByDomain(acme.host), undefined);
    assert.deepEqual(await store.domains('acme'), [shop]);
  },

  async 'a removed domain can lead to another tenant'(store) {
    await store.insert(draftOf('acme'), [acme]);
    await store.insert(draftOf('birch'), []);
    await store.removeDomain('acme', acme.host);
    await store.addDomain({ ...acme, tenantId: 'birch' });
    assert.equal((await store.findByDomain(acme.host))?.id, 'birch');
  },

  async 'a deleted tenant takes its domains with it, and they are free again'(store) {
    await store.insert(draftOf('acme'), [acme]);
    await store.delete('acme');
    assert.equal(await store.findByDomain(acme.host), undefined);
    await store.insert(draftOf('birch'), [{ ...acme, tenantId: 'birch' }]);
    assert.equal((await store.findByDomain(acme.host))?.id, 'birch');
  },
};
