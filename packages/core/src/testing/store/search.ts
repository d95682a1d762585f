import assert from 'node:assert/strict';
import type { TenantDraft } from '../../models/tenant.ts';
import type { TenantQuery } from '../../stores/search.ts';
import type { TenantStore } from '../../stores/store.ts';
import { draftOf, type StorePromises } from './promise.ts';

function searchOf({ search }: TenantStore) {
  assert.ok(search);
  return search;
}

async function insertAll(store: TenantStore, drafts: readonly TenantDraft[]): Promise<void> {
  for (const draft of drafts) {
    await store.insert(draft, [{ host: `${draft.id}.shop.example`, tenantId: draft.id, primary: true }]);
  }
}

async function found(store: TenantStore, query: Partial<TenantQuery>): Promise<string[]> {
  return (await searchOf(store).page({ limit: 100, ...query })).map(({ tenant }) => tenant.id);
}

/** What a search promises, of a store that has one. */
export const searchPromises: StorePromises = {
  async 'pages give each tenant once, in the order of the ids'(store) {
    await insertAll(
      store,
      ['d', 'b', 'e', 'a', 'c'].map((id) => draftOf(id)),
    );
    assert.deepEqual(await found(store, { limit: 2 }), ['a', 'b']);
    assert.deepEqual(await found(store, { limit: 2, after: 'b' }), ['c', 'd']);
    assert.deepEqual(await found(store, { limit: 2, after: 'd' }), ['e']);
    assert.deepEqual(await found(store, { limit: 2, after: 'e' }), []);
  },

  async 'a search finds part of an id, a name or a host, in any case, and takes no character for a pattern'(store) {
    await insertAll(store, [draftOf('acme', { name: 'Roadrunner 100%' }), draftOf('globex', { name: 'Under_score' })]);
    assert.deepEqual(await found(store, { search: 'CM' }), ['acme']);
    assert.deepEqual(await found(store, { search: 'roadRUNNER' }), ['acme']);
    assert.deepEqual(await found(store, { search: 'globex.shop' }), ['globex']);
    assert.deepEqual(await found(store, { search: 'shop.example' }), ['acme', 'globex']);
    assert.deepEqual(await found(store, { search: '0%' }), ['acme']);
    assert.deepEqual(await found(store, { search: '%' }), ['acme']);
    assert.deepEqual(await found(store, { search: '_' }), ['globex']);
    assert.deepEqual(await found(store, { search: '\\' }), []);
    assert.deepEqual(await found(store, { search: "'" }), []);
  },

  async 'a page has what all of its conditions let through'(store) {
    await insertAll(store, [
      draftOf('a', { isolation: 'row', placement: { server: 'eu' } }),
      draftOf('b', { placement: { server: 'eu' } }),
      draftOf('c', { status: 'failed', placement: { server: 'eu' } }),
      draftOf('d'),
    ]);
    assert.deepEqual(await found(store, { server: 'eu' }), ['a', 'b', 'c']);
    assert.deepEqual(await found(store, { server: 'eu', isolation: 'schema' }), ['b', 'c']);
    assert.deepEqual(await found(store, { status: 'failed' }), ['c']);
    assert.deepEqual(await found(store, { id: 'c' }), ['c']);
    assert.deepEqual(await found(store, { id: 'c', status: 'active' }), []);
    assert.deepEqual(await found(store, { status: 'failed', search: 'a' }), ['c']);
    assert.deepEqual(await found(store, { status: 'failed', search: 'b' }), []);
    assert.deepEqual(await found(store, { status: 'failed', isolation: 'row' }), []);
  },

  async 'counts are of all tenants, by what tells them apart'(store) {
    assert.deepEqual(await searchOf(store).counts(), []);
    await insertAll(store, [
      draftOf('a', { placement: { server: 'eu' } }),
      draftOf('b', { placement: { server: 'eu' } }),
      draftOf('c', { status: 'suspended', isolation: 'row' }),
    ]);
    const counts = (await searchOf(store).counts()).toSorted((one, other) => other.tenants - one.tenants);
    assert.deepEqual(
      counts.map(({ status, isolation, server, tenants }) => ({ status, isolation, server, tenants })),
      [
        { status: 'active', isolation: 'schema', server: 'eu', tenants: 2 },
        { status: 'suspended', isolation: 'row', server: '', tenants: 1 },
      ],
    );
  },

  async 'who has a version is found by the name that is counted'(store) {
    await insertAll(store, [draftOf('a'), draftOf('b')]);
    for (const { version, tenants } of await searchOf(store).counts()) {
      assert.equal((await found(store, { version })).length, tenants);
    }
    assert.deepEqual(await found(store, { version: 'NoSuchMigration' }), []);
  },
};
