import assert from 'node:assert/strict';
import { draftOf, oneWins, type StorePromises } from './promise.ts';

const eight = [...'abcdefgh'];

/** What a store promises to callers that come at the same time. */
export const concurrencyPromises: StorePromises = {
  async 'of tenants inserted at once under one id, one is kept, with its own domains'(store) {
    const attempts = eight.map((name) =>
      store.insert(draftOf('acme', { name }), [{ host: `${name}.example.com`, tenantId: 'acme', primary: true }]),
    );
    const { name } = await oneWins('TENANT_EXISTS', attempts);
    assert.equal((await store.find('acme'))?.name, name);
    assert.deepEqual(await store.domains('acme'), [{ host: `${name}.example.com`, tenantId: 'acme', primary: true }]);
  },

  async 'of tenants inserted at once with one domain, one is kept'(store) {
    const domain = { host: 'shop.example.com', primary: false };
    const attempts = eight.map((id) => store.insert(draftOf(id), [{ ...domain, tenantId: id }]));
    const { id } = await oneWins('DOMAIN_TAKEN', attempts);
    const kept = await Promise.all(eight.map((each) => store.find(each)));
    assert.deepEqual(
      kept.flatMap((tenant) => tenant?.id ?? []),
      [id],
    );
  },

  async 'of equal transitions begun at once, one is made'(store) {
    await store.insert(draftOf('acme'), []);
    const attempts = eight.map((name) => store.update('acme', { status: 'suspended', name }, ['active']));
    const { name } = await oneWins('TRANSITION_REFUSED', attempts);
    assert.equal((await store.find('acme'))?.name, name);
  },

  async 'changes of different columns at once are all kept'(store) {
    await store.insert(draftOf('acme'), []);
    await Promise.all([
      store.update('acme', { name: 'Acme' }),
      store.update('acme', { config: { plan: 'gold' } }),
      store.update('acme', { placement: { schema: 'b' } }),
      store.update('acme', { status: 'suspended' }, ['active']),
    ]);
    const { name, config, placement, status } = (await store.find('acme')) ?? draftOf('nobody');
    assert.deepEqual([name, config.plan, placement.schema, status], ['Acme', 'gold', 'b', 'suspended']);
  },

  async 'of primary domains added at once, one is primary'(store) {
    await store.insert(draftOf('acme'), []);
    const hosts = eight.map((name) => `${name}.example.com`);
    await Promise.all(hosts.map((host) => store.addDomain({ host, tenantId: 'acme', primary: true })));
    const domains = await store.domains('acme');
    assert.deepEqual(
      domains.map(({ host }) => host),
      hosts,
    );
    assert.equal(domains.filter(({ primary }) => primary).length, 1);
  },

  async 'a domain added while its tenant is deleted is not left behind'(store) {
    for (const id of eight) {
      const host = `${id}.example.com`;
      await store.insert(draftOf(id), []);
      await Promise.allSettled([store.addDomain({ host, tenantId: id, primary: true }), store.delete(id)]);
      assert.equal(await store.findByDomain(host), undefined);
      await store.insert(draftOf(`${id}-next`), [{ host, tenantId: `${id}-next`, primary: true }]);
    }
  },

  async 'tenants that stay are given once while others come and go'(store) {
    for (const id of eight) await store.insert(draftOf(id), []);
    const given: string[] = [];
    for await (const { id } of store.all()) {
      given.push(id);
      if (id === 'c') await Promise.all([store.delete('a'), store.delete('g'), store.insert(draftOf('b2'), [])]);
    }
    const staying = ['b', 'c', 'd', 'e', 'f', 'h'];
    assert.deepEqual(
      given.filter((id) => staying.includes(id)),
      staying,
    );
    assert.equal(new Set(given).size, given.length);
  },

  async 'callers that read and write different tenants at once see their own'(store) {
    await Promise.all(
      eight.map(async (id) => {
        await store.insert(draftOf(id), [{ host: `${id}.example.com`, tenantId: id, primary: true }]);
        await store.update(id, { config: { owner: id } });
        assert.equal((await store.find(id))?.config.owner, id);
        assert.equal((await store.findByDomain(`${id}.example.com`))?.config.owner, id);
      }),
    );
  },
};
