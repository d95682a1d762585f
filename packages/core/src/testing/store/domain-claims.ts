import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { Tenant } from '../../models/tenant.ts';
import type { ClaimDraft, StoredClaim } from '../../stores/domain-claims.ts';
import type { TenantStore } from '../../stores/store.ts';
import { draftOf, refuses, type StorePromises } from './promise.ts';

const longAgo = new Date(0);

/** Who has had a host is remembered for longer than a case lasts. */
const newHost = () => `${randomUUID()}.example.com`;

function claimsOf({ domainClaims }: TenantStore) {
  assert.ok(domainClaims);
  return domainClaims;
}

function claimOf({ id, createdAt }: Tenant, host: string, more: Partial<ClaimDraft> = {}): ClaimDraft {
  const claim = { host, tenantId: id, tenantCreatedAt: createdAt, token: randomUUID(), primary: false };
  return { ...claim, claimedAt: new Date('2026-11-29T10:00:00.123Z'), ...more };
}

function domainOf({ host, tenantId, primary }: StoredClaim) {
  return { host, tenantId, primary };
}

/** What is said of a claim, without what is not. */
function known(claim: Partial<StoredClaim> | undefined): unknown {
  return Object.fromEntries(Object.entries(claim ?? {}).filter(([, value]) => value !== undefined));
}

async function remove(store: TenantStore, id: string): Promise<void> {
  await store.update(id, { status: 'removing' });
  await store.delete(id);
}

/** What claims to domains promise, of a store that has them. */
export const domainClaimPromises: StorePromises = {
  async 'a claim is pending, and leads nowhere'(store) {
    const acme = await store.insert(draftOf('acme'), []);
    const draft = claimOf(acme, newHost(), { primary: true });
    const claim = await claimsOf(store).add(draft, longAgo);
    assert.deepEqual(known(claim), { ...draft, state: 'pending', missed: 0 });
    assert.deepEqual(await claimsOf(store).find('acme', draft.host), claim);
    assert.equal(await store.findByDomain(draft.host), undefined);
    assert.deepEqual(await store.domains('acme'), []);
    assert.equal(await claimsOf(store).find('birch', draft.host), undefined);
  },

  async 'a host that is claimed again keeps its token, also by callers at the same time'(store) {
    const acme = await store.insert(draftOf('acme'), []);
    const host = newHost();
    const claims = await Promise.all(
      Array.from({ length: 8 }, () => claimsOf(store).add(claimOf(acme, host), longAgo)),
    );
    assert.equal(new Set(claims.map(({ token }) => token)).size, 1);
    assert.deepEqual(await claimsOf(store).add(claimOf(acme, host), longAgo), claims[0]);
  },

  async 'several tenants claim one host, and it becomes a domain of one that proves it'(store) {
    const host = newHost();
    const claims: StoredClaim[] = [];
    for (const id of ['acme', 'birch', 'cedar'])
      claims.push(await claimsOf(store).add(claimOf(await store.insert(draftOf(id), []), host), longAgo));
    const outcomes = await Promise.allSettled(claims.map((claim) => store.addDomain(domainOf(claim), { claim })));
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
    const owner = (await store.findByDomain(host))?.id;
    for (const { tenantId } of claims) {
      const state = tenantId === owner ? 'verified' : 'pending';
      assert.equal((await claimsOf(store).find(tenantId, host))?.state, state);
    }
  },

  async 'a claim that is proved says when, and a refused one stays as it was'(store) {
    const acme = await store.insert(draftOf('acme'), []);
    const claim = await claimsOf(store).add(claimOf(acme, newHost(), { primary: true }), longAgo);
    await store.addDomain(domainOf(claim), { claim });
    const proved = await claimsOf(store).find('acme', claim.host);
    assert.equal(proved?.state, 'verified');
    assert.ok(proved.verifiedAt instanceof Date && proved.checkedAt instanceof Date);
    assert.deepEqual(await store.domains('acme'), [{ host: claim.host, tenantId: 'acme', primary: true }]);
  },

  async 'a claim that was released, or replaced, gives no domain'(store) {
    const acme = await store.insert(draftOf('acme'), []);
    const host = newHost();
    const claim = await claimsOf(store).add(claimOf(acme, host), longAgo);
    assert.equal(await claimsOf(store).remove('acme', host), true);
    assert.equal(await claimsOf(store).remove('acme', host), false);
    await refuses('DOMAIN_UNPROVED', store.addDomain(domainOf(claim), { claim }));
    await claimsOf(store).add(claimOf(acme, host), longAgo);
    await refuses('DOMAIN_UNPROVED', store.addDomain(domainOf(claim), { claim }));
    assert.equal(await store.findByDomain(host), undefined);
  },

  async 'a claim goes with its tenant, and is not its successor’s'(store) {
    const former = await store.insert(draftOf('acme'), []);
    const claim = await claimsOf(store).add(claimOf(former, newHost()), longAgo);
    await store.delete('acme');
    await refuses('TENANT_UNKNOWN', claimsOf(store).add(claimOf(former, claim.host), longAgo));
    await new Promise((resolve) => setTimeout(resolve, 2));
    await store.insert(draftOf('acme'), []);
    assert.equal(await claimsOf(store).find('acme', claim.host), undefined);
    await refuses('TENANT_OUTDATED', claimsOf(store).add(claimOf(former, claim.host), longAgo));
    await refuses('TENANT_OUTDATED', store.addDomain(domainOf(claim), { claim }));
    assert.equal(await store.findByDomain(claim.host), undefined);
  },

  async 'a host that another tenant has is not claimed, and one’s own is'(store) {
    const [host, other] = [newHost(), newHost()];
    const acme = await store.insert(draftOf('acme'), [{ host, tenantId: 'acme', primary: false }]);
    const birch = await store.insert(draftOf('birch'), [{ host: other, tenantId: 'birch', primary: false }]);
    await refuses('DOMAIN_TAKEN', claimsOf(store).add(claimOf(birch, host), longAgo));
    assert.equal((await claimsOf(store).add(claimOf(acme, host), longAgo)).state, 'pending');
  },

  async 'a domain that is removed takes its claim along, and is nobody else’s for a while'(store) {
    const acme = await store.insert(draftOf('acme'), []);
    const birch = await store.insert(draftOf('birch'), []);
    const claim = await claimsOf(store).add(claimOf(acme, newHost()), longAgo);
    const theirs = await claimsOf(store).add(claimOf(birch, claim.host), longAgo);
    await store.addDomain(domainOf(claim), { claim });
    await store.removeDomain('acme', claim.host);
    assert.equal(await claimsOf(store).find('acme', claim.host), undefined);
    const terms = { unusedSince: longAgo, claim: theirs };
    await refuses('DOMAIN_TAKEN', store.addDomain(domainOf(theirs), terms));
    const cedar = { host: claim.host, tenantId: 'cedar', primary: false };
    await refuses('DOMAIN_TAKEN', store.insert(draftOf('cedar'), [cedar], { unusedSince: longAgo }));
    assert.equal(await store.find('cedar'), undefined);
    const dogwood = await store.insert(draftOf('dogwood'), []);
    await refuses('DOMAIN_TAKEN', claimsOf(store).add(claimOf(dogwood, claim.host), longAgo));
    assert.equal((await claimsOf(store).find('birch', claim.host))?.state, 'pending');
    const again = await claimsOf(store).add(claimOf(acme, claim.host), longAgo);
    assert.notEqual(again.token, claim.token);
    await store.addDomain(domainOf(again), { unusedSince: longAgo, claim: again });
    assert.equal((await store.findByDomain(claim.host))?.id, 'acme');
  },

  async 'a removed tenant’s domains are nobody’s for a while, not even its successor’s'(store) {
    const host = newHost();
    await store.insert(draftOf('acme'), [{ host, tenantId: 'acme', primary: false }]);
    await remove(store, 'acme');
    await new Promise((resolve) => setTimeout(resolve, 2));
    const successor = await store.insert(draftOf('acme'), []);
    await refuses('DOMAIN_TAKEN', claimsOf(store).add(claimOf(successor, host), longAgo));
    const later = new Date(Date.now() + 60_000);
    const claim = await claimsOf(store).add(claimOf(successor, host), later);
    await refuses('DOMAIN_TAKEN', store.addDomain(domainOf(claim), { unusedSince: longAgo, claim }));
    await store.addDomain(domainOf(claim), { unusedSince: later, claim });
    assert.equal((await store.findByDomain(host))?.createdAt.getTime(), successor.createdAt.getTime());
  },

  async 'a host that is freed can be claimed at once'(store) {
    const host = newHost();
    await store.insert(draftOf('acme'), [{ host, tenantId: 'acme', primary: false }]);
    const birch = await store.insert(draftOf('birch'), []);
    await store.removeDomain('acme', host);
    assert.equal(await claimsOf(store).forget(host), true);
    assert.equal(await claimsOf(store).forget(host), false);
    assert.equal((await claimsOf(store).add(claimOf(birch, host), longAgo)).state, 'pending');
  },

  async 'of checks of a claim at the same time, one is recorded'(store) {
    const acme = await store.insert(draftOf('acme'), []);
    const claim = await claimsOf(store).add(claimOf(acme, newHost()), longAgo);
    const first = { state: 'verified', missed: 0, checkedAt: new Date('2026-11-29T11:00:00.456Z') } as const;
    const once = await claimsOf(store).check(claim, first);
    assert.deepEqual(known(once), known({ ...claim, ...first, verifiedAt: first.checkedAt }));
    assert.equal(await claimsOf(store).check(claim, first), undefined);
    assert.ok(once);
    const second = { state: 'failing', missed: 3, problem: 'missing', checkedAt: new Date() } as const;
    const checks = await Promise.all(Array.from({ length: 8 }, () => claimsOf(store).check(once, second)));
    assert.equal(checks.filter((found) => found !== undefined).length, 1);
    assert.deepEqual(known(await claimsOf(store).find('acme', claim.host)), known({ ...once, ...second }));
  },

  async 'claims come in pages, of a tenant, a host or a state, and those that nobody has checked since'(store) {
    const hosts = Array.from({ length: 3 }, newHost).sort();
    for (const id of ['acme', 'birch']) {
      const tenant = await store.insert(draftOf(id), []);
      for (const host of hosts) await claimsOf(store).add(claimOf(tenant, host), longAgo);
    }
    const named = (claims: readonly StoredClaim[]) => claims.map(({ host, tenantId }) => [host, tenantId]);
    const all = hosts.flatMap((host) => [
      [host, 'acme'],
      [host, 'birch'],
    ]);
    const first = await claimsOf(store).page({ limit: 4 });
    const second = await claimsOf(store).page({ limit: 4, after: first.at(-1) });
    assert.deepEqual(named([...first, ...second]), all);
    assert.deepEqual(named(await claimsOf(store).page({ tenant: 'birch', host: hosts[1], limit: 4 })), [all[3]]);
    assert.deepEqual(await claimsOf(store).page({ state: 'failing', limit: 4 }), []);
    assert.ok(first[0]);
    const checkedAt = new Date();
    await claimsOf(store).check(first[0], { state: 'pending', missed: 0, problem: 'missing', checkedAt });
    const before = new Date(checkedAt.getTime() - 1);
    assert.deepEqual(named(await claimsOf(store).page({ uncheckedSince: before, limit: 9 })), all.slice(1));
    assert.deepEqual(named(await claimsOf(store).page({ uncheckedSince: checkedAt, limit: 9 })), all);
  },
};
