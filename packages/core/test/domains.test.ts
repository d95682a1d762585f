import { type DnsEntry, type TestDns, testDns } from '@omnitenant/tooling';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { DomainOptions } from '../src/domains/domain-options.ts';
import { createTenancy, type DomainClaim, isTenancyError, memoryStore, type Tenancy } from '../src/index.ts';
import type { TenantStore } from '../src/stores/store.ts';

let dns: TestDns;
beforeAll(async () => {
  dns = await testDns();
});
afterAll(() => dns.close());

// Of the clock alone: what waits for DNS is to wait.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-11-29T10:00:00Z') });
});
afterEach(() => {
  vi.useRealTimers();
});

const dayMs = 86_400_000;

function pass(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

let count = 0;
/** Each case has domains of its own, as all ask one server. */
function newDomain(): string {
  count += 1;
  return `d${count}.example.com`;
}

const onError = vi.fn();

/** A process of an application: each has a tenancy of its own, and all have one store. */
function open(domains: DomainOptions = {}, store: TenantStore = memoryStore()): Tenancy {
  return createTenancy({ store, domains: { servers: [dns.address], timeoutMs: 60_000, ...domains }, onError });
}

async function opened(domains?: DomainOptions, ids: readonly string[] = ['acme', 'birch']): Promise<Tenancy> {
  const tenancy = open(domains);
  for (const id of ids) await tenancy.tenants.create({ id });
  return tenancy;
}

function publish({ record }: DomainClaim): void {
  dns.set(record.name, [record.value]);
}

async function prove(tenancy: Tenancy, id: string, host: string): Promise<DomainClaim> {
  publish(await tenancy.domains.claim(id, host));
  return tenancy.domains.verify(id, host);
}

async function ownerOf(tenancy: Tenancy, host: string): Promise<string | undefined> {
  return (await tenancy.tenants.findByDomain(host))?.id;
}

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'done',
    (error) => (isTenancyError(error) ? error.code : error),
  );
}

async function listed(tenancy: Tenancy, filter?: Parameters<Tenancy['domains']['claims']>[0]): Promise<DomainClaim[]> {
  const claims: DomainClaim[] = [];
  for await (const claim of tenancy.domains.claims(filter)) claims.push(claim);
  return claims;
}

async function audited(store: TenantStore): Promise<unknown[]> {
  const entries = (await store.audit?.page({ order: 'oldest', limit: 1_000 })) ?? [];
  return entries
    .filter(({ verb }) => verb.endsWith('-domain'))
    .map(({ verb, tenant, outcome, before, after }) => ({ verb, tenant, outcome, before, after }));
}

describe('a claim', () => {
  test('leads nowhere until its record is there, and then to its tenant', async () => {
    const tenancy = await opened();
    const host = newDomain();
    const claim = await tenancy.domains.claim('acme', host.toUpperCase(), { primary: true });
    expect(claim).toEqual({
      host,
      tenant: 'acme',
      state: 'pending',
      primary: true,
      record: { type: 'TXT', name: `_omnitenant-challenge.${host}`, value: expect.stringMatching(/^[0-9a-f]{40}$/) },
      claimedAt: new Date(),
    });
    expect(await tenancy.domains.verify('acme', host)).toMatchObject({ state: 'pending', problem: 'missing' });
    expect(await ownerOf(tenancy, host)).toBeUndefined();
    publish(claim);
    const verified = await tenancy.domains.verify('acme', host);
    expect(verified).toEqual({ ...claim, state: 'verified', checkedAt: new Date(), verifiedAt: new Date() });
    expect(await ownerOf(tenancy, host)).toBe('acme');
    expect(await tenancy.tenants.domains('acme')).toEqual([{ host, tenantId: 'acme', primary: true }]);
  });

  test('that is made again is the same, and one that was released has another value', async () => {
    const tenancy = await opened();
    const host = newDomain();
    const claim = await tenancy.domains.claim('acme', host);
    expect(await tenancy.domains.claim('acme', host)).toEqual(claim);
    expect(await tenancy.domains.release('acme', host)).toBe(true);
    expect(await tenancy.domains.release('acme', host)).toBe(false);
    publish(claim);
    expect(await codeOf(tenancy.domains.verify('acme', host))).toBe('DOMAIN_UNPROVED');
    await tenancy.domains.claim('acme', host);
    expect(await tenancy.domains.verify('acme', host)).toMatchObject({ state: 'pending', problem: 'different' });
  });

  test('is not proved by the record of another tenant, or of a former one', async () => {
    const tenancy = await opened();
    const host = newDomain();
    const theirs = await tenancy.domains.claim('acme', host);
    await tenancy.domains.claim('birch', host);
    publish(theirs);
    expect(await tenancy.domains.verify('birch', host)).toMatchObject({ state: 'pending', problem: 'different' });
    await tenancy.tenants.remove('acme');
    pass(10);
    await tenancy.tenants.create({ id: 'acme' });
    expect(await codeOf(tenancy.domains.verify('acme', host))).toBe('DOMAIN_UNPROVED');
    await tenancy.domains.claim('acme', host);
    expect(await tenancy.domains.verify('acme', host)).toMatchObject({ state: 'pending', problem: 'different' });
    expect(await ownerOf(tenancy, host)).toBeUndefined();
  });

  test('of two tenants to one host goes to the one that proves it first, and the other is refused', async () => {
    const tenancy = await opened();
    const host = newDomain();
    const claims = [await tenancy.domains.claim('acme', host), await tenancy.domains.claim('birch', host)];
    dns.set(
      `_omnitenant-challenge.${host}`,
      claims.map(({ record }) => record.value),
    );
    const codes = await Promise.all(['acme', 'birch'].map((id) => codeOf(tenancy.domains.verify(id, host))));
    expect(codes.toSorted()).toEqual(['DOMAIN_TAKEN', 'done']);
    expect(await ownerOf(tenancy, host)).toBe(codes[0] === 'done' ? 'acme' : 'birch');
  });

  test('is refused where another tenant has the host, and for what is no tenant’s to have', async () => {
    const tenancy = await opened({ ownZones: ['app.example'] });
    const host = newDomain();
    await prove(tenancy, 'acme', host);
    expect(await codeOf(tenancy.domains.claim('birch', host))).toBe('DOMAIN_TAKEN');
    expect(await codeOf(tenancy.domains.claim('birch', 'login.app.example'))).toBe('DOMAIN_TAKEN');
    expect(await codeOf(tenancy.domains.claim('birch', '*.example.com'))).toBe('DOMAIN_INVALID');
    expect(await codeOf(tenancy.domains.claim('birch', '127.0.0.1'))).toBe('DOMAIN_INVALID');
    expect(await codeOf(tenancy.domains.claim('birch', `${'long-label.'.repeat(22)}com`))).toBe('DOMAIN_INVALID');
    expect(await codeOf(tenancy.domains.claim('nobody', newDomain()))).toBe('TENANT_UNKNOWN');
  });

  test('of www and of the name without it have one record, and either is proved by it', async () => {
    const tenancy = await opened();
    const host = newDomain();
    const [bare, www] = [await tenancy.domains.claim('acme', host), await tenancy.domains.claim('acme', `www.${host}`)];
    expect(www.record).toEqual(bare.record);
    publish(bare);
    for (const name of [host, `www.${host}`]) {
      expect(await tenancy.domains.verify('acme', name)).toMatchObject({ state: 'verified' });
      expect(await ownerOf(tenancy, name)).toBe('acme');
    }
    expect((await tenancy.domains.claim('birch', `www.${newDomain()}`)).record.value).not.toBe(bare.record.value);
  });

  test('of the bare name is not proved by a record of www, which proves itself alone', async () => {
    const tenancy = await opened();
    const host = newDomain();
    const { record } = await tenancy.domains.claim('acme', `www.${host}`);
    await tenancy.domains.claim('acme', host);
    dns.set(`_omnitenant-challenge.www.${host}`, [record.value]);
    expect(await tenancy.domains.verify('acme', host)).toMatchObject({ state: 'pending' });
    expect(await tenancy.domains.verify('acme', `www.${host}`)).toMatchObject({ state: 'verified' });
  });

  test('is one of a hundred at most that a tenant has not proved', async () => {
    const tenancy = await opened();
    const hosts = Array.from({ length: 100 }, newDomain);
    for (const host of hosts) await tenancy.domains.claim('acme', host);
    expect(await codeOf(tenancy.domains.claim('acme', newDomain()))).toBe('BACKLOG_FULL');
    expect(await codeOf(tenancy.domains.claim('acme', hosts[0] ?? ''))).toBe('done');
    expect(await codeOf(tenancy.domains.claim('birch', newDomain()))).toBe('done');
    await prove(tenancy, 'acme', hosts[0] ?? '');
    expect(await codeOf(tenancy.domains.claim('acme', newDomain()))).toBe('done');
  });

  test('a handler that vetoes the domain leaves it pending, and proves it later', async () => {
    const tenancy = await opened();
    const host = newDomain();
    const off = tenancy.signals.on('domainAdding', () => {
      throw new Error('not on this plan');
    });
    publish(await tenancy.domains.claim('acme', host));
    expect(await codeOf(tenancy.domains.verify('acme', host))).toBe('VETOED');
    const { failed, checked } = await tenancy.domains.verifyDue();
    expect([checked, failed]).toMatchObject([1, [{ claim: { host, state: 'pending' }, error: { code: 'VETOED' } }]]);
    expect(await ownerOf(tenancy, host)).toBeUndefined();
    off();
    expect(await tenancy.domains.verify('acme', host)).toMatchObject({ state: 'verified' });
  });
});

describe('DNS that answers', () => {
  async function problemOf(entry: (value: string, host: string) => DnsEntry, options?: DomainOptions) {
    const tenancy = await opened(options);
    const host = newDomain();
    const { record } = await tenancy.domains.claim('acme', host);
    dns.set(record.name, entry(record.value, host));
    const { state, problem } = await tenancy.domains.verify('acme', host);
    expect(await ownerOf(tenancy, host)).toBe(state === 'verified' ? 'acme' : undefined);
    return problem ?? state;
  }

  test.each<[string, string, (value: string) => DnsEntry]>([
    ['several records, of which one is it,', 'verified', (value) => ['v=spf1 -all', value, 'other']],
    ['a record in several strings', 'verified', (value) => [[value.slice(0, 7), value.slice(7, 20), value.slice(20)]]],
    ['a record with quotes and spaces around it', 'verified', (value) => [` "${value}" `]],
    ['no such name', 'missing', () => 'NXDOMAIN'],
    ['no record of that kind', 'missing', () => []],
    ['records of other values', 'different', () => ['v=spf1 -all', 'other']],
    ['a record that only begins with it', 'different', (value) => [`${value}0`]],
    ['that it cannot', 'unanswered', () => 'SERVFAIL'],
  ])('%s is %s', async (_, outcome, entry) => {
    expect(await problemOf(entry)).toBe(outcome);
  });

  test('nothing in time is unanswered, and proves nothing', async () => {
    expect(await problemOf(() => 'silent', { timeoutMs: 50 })).toBe('unanswered');
  });

  test('another name proves the host by the records of that', async () => {
    const outcome = await problemOf((value, host) => {
      dns.set(`challenges.${host}`, [value]);
      return { cname: `challenges.${host}` };
    });
    expect(outcome).toBe('verified');
    expect(await problemOf((_, host) => ({ cname: `nowhere.${host}` }))).toBe('missing');
  });

  test('every name with a record of another tenant proves nothing', async () => {
    const tenancy = await opened();
    const host = newDomain();
    const theirs = await tenancy.domains.claim('birch', `shop.${host}`);
    dns.set(`*.shop.${host}`, [theirs.record.value]);
    dns.set(`*.${host}`, [theirs.record.value]);
    await tenancy.domains.claim('acme', host);
    await tenancy.domains.claim('acme', `shop.${host}`);
    expect(await tenancy.domains.verify('acme', host)).toMatchObject({ state: 'pending', problem: 'different' });
    expect(await tenancy.domains.verify('acme', `shop.${host}`)).toMatchObject({ problem: 'different' });
    expect(await tenancy.domains.verify('birch', `shop.${host}`)).toMatchObject({ state: 'verified' });
    expect(await ownerOf(tenancy, host)).toBeUndefined();
  });

  test('no proof while servers are down is not remembered', async () => {
    const tenancy = await opened();
    const host = newDomain();
    const claim = await tenancy.domains.claim('acme', host);
    dns.set(claim.record.name, 'SERVFAIL');
    expect(await tenancy.domains.verify('acme', host)).toMatchObject({ problem: 'unanswered' });
    publish(claim);
    expect(await tenancy.domains.verify('acme', host)).not.toHaveProperty('problem');
  });
});

describe('a domain', () => {
  test('that was not proved is refused, whichever verb adds it, but in a zone of the application', async () => {
    const tenancy = await opened({ ownZones: ['App.example'] });
    const host = newDomain();
    expect(await codeOf(tenancy.tenants.addDomain('acme', host))).toBe('DOMAIN_UNPROVED');
    expect(await codeOf(tenancy.tenants.create({ id: 'cedar', domains: [host] }))).toBe('DOMAIN_UNPROVED');
    expect(await codeOf(tenancy.tenants.adopt({ id: 'cedar', domains: [host] }))).toBe('DOMAIN_UNPROVED');
    expect(await tenancy.tenants.tryGet('cedar')).toBeUndefined();
    expect(await codeOf(tenancy.tenants.addDomain('acme', 'notapp.example'))).toBe('DOMAIN_UNPROVED');
    await tenancy.tenants.create({ id: 'cedar', domains: ['cedar.app.example'] });
    expect(await ownerOf(tenancy, 'cedar.app.example')).toBe('cedar');
    expect(await ownerOf(tenancy, host)).toBeUndefined();
  });

  test('of an archive is left out where it has to be proved', async () => {
    const store = memoryStore();
    const before = createTenancy({ store });
    await before.tenants.create({ id: 'acme', domains: [newDomain(), 'acme.app.example'] });
    const archive = await before.tenants.export('acme');
    const after = open({ ownZones: ['app.example'] });
    await after.tenants.import(archive);
    expect(await after.tenants.domains('acme')).toMatchObject([{ host: 'acme.app.example' }]);
  });

  test('may be added without a proof where none is required, and is proved later', async () => {
    const tenancy = await opened({ required: false });
    const host = newDomain();
    await tenancy.tenants.addDomain('acme', host, { primary: true });
    expect(await ownerOf(tenancy, host)).toBe('acme');
    expect(await prove(tenancy, 'acme', host)).toMatchObject({ state: 'verified' });
    expect(await tenancy.tenants.domains('acme')).toEqual([{ host, tenantId: 'acme', primary: true }]);
  });

  test('that a tenant has had since before is served, and can be proved', async () => {
    const store = memoryStore();
    const host = newDomain();
    await createTenancy({ store }).tenants.create({ id: 'acme', domains: [host] });
    const tenancy = open({}, store);
    expect(await ownerOf(tenancy, host)).toBe('acme');
    expect(await prove(tenancy, 'acme', host)).toMatchObject({ state: 'verified' });
    expect(await ownerOf(tenancy, host)).toBe('acme');
  });

  test('that is removed or released is nobody else’s for the cooling-off, and its tenant’s at once', async () => {
    const tenancy = await opened({ coolingOffDays: 7 });
    const host = newDomain();
    for (const leave of [tenancy.domains.release, tenancy.tenants.removeDomain]) {
      expect(await prove(tenancy, 'acme', host)).toMatchObject({ state: 'verified' });
      await leave('acme', host);
      expect(await ownerOf(tenancy, host)).toBeUndefined();
      expect(await codeOf(tenancy.domains.claim('birch', host))).toBe('DOMAIN_TAKEN');
    }
    pass(7 * dayMs - 1);
    expect(await codeOf(tenancy.domains.claim('birch', host))).toBe('DOMAIN_TAKEN');
    pass(1);
    expect(await prove(tenancy, 'birch', host)).toMatchObject({ state: 'verified' });
    expect(await codeOf(tenancy.domains.claim('acme', host))).toBe('DOMAIN_TAKEN');
  });

  test('of a removed tenant is not its successor’s during the cooling-off, also in the application’s own zones', async () => {
    const tenancy = await opened({ ownZones: ['app.example'] });
    await tenancy.tenants.addDomain('acme', 'acme.app.example');
    await tenancy.tenants.remove('acme');
    pass(10);
    const again = { id: 'acme', domains: ['acme.app.example'] };
    expect(await codeOf(tenancy.tenants.create(again))).toBe('DOMAIN_TAKEN');
    expect(await tenancy.domains.free('acme.app.example')).toBe(true);
    expect(await tenancy.domains.free('acme.app.example')).toBe(false);
    await tenancy.tenants.create(again);
    expect(await ownerOf(tenancy, 'acme.app.example')).toBe('acme');
  });

  test('that was claimed before it left another tenant is not proved during the cooling-off', async () => {
    const tenancy = await opened();
    const host = newDomain();
    const theirs = await tenancy.domains.claim('birch', host);
    await prove(tenancy, 'acme', host);
    await tenancy.domains.release('acme', host);
    publish(theirs);
    expect(await codeOf(tenancy.domains.verify('birch', host))).toBe('DOMAIN_TAKEN');
    expect(await ownerOf(tenancy, host)).toBeUndefined();
  });

  test('that is proved while its claim is released is nobody’s', async () => {
    const store = memoryStore();
    const { domainClaims } = store;
    if (!domainClaims) throw new Error('The store keeps no claims.');
    const tenancy = open({}, store);
    await tenancy.tenants.create({ id: 'acme' });
    const host = newDomain();
    publish(await tenancy.domains.claim('acme', host));
    const releasing = open(
      {},
      {
        ...store,
        domainClaims: {
          ...domainClaims,
          async remove(...named) {
            await tenancy.domains.verify('acme', host);
            return domainClaims.remove(...named);
          },
        },
      },
    );
    expect(await releasing.domains.release('acme', host)).toBe(true);
    expect(await ownerOf(open({}, store), host)).toBeUndefined();
    expect(await store.domains('acme')).toEqual([]);
  });

  test('is failing after several days without its record, stays its tenant’s, and recovers', async () => {
    const tenancy = await opened();
    const host = newDomain();
    const signals: string[] = [];
    for (const name of ['domainAdded', 'domainVerified', 'domainUnverified', 'domainRemoved'] as const)
      tenancy.signals.on(name, ({ tenant, domain }) => void signals.push(`${name} ${tenant.id} ${domain.host}`));
    const claim = await prove(tenancy, 'acme', host);
    dns.set(claim.record.name, 'NXDOMAIN');
    for (const state of ['verified', 'verified', 'failing', 'failing']) {
      pass(dayMs);
      await tenancy.domains.verifyDue();
      await tenancy.domains.verifyDue();
      // By hand, as many times as one likes.
      expect(await tenancy.domains.verify('acme', host)).toMatchObject({ state, problem: 'missing' });
      expect(await ownerOf(tenancy, host)).toBe('acme');
    }
    expect(await listed(tenancy, { state: 'failing' })).toMatchObject([{ host, tenant: 'acme' }]);
    publish(claim);
    pass(dayMs);
    expect(await tenancy.domains.verifyDue()).toMatchObject({ checked: 1, verified: [{ host }], failing: [] });
    expect(await listed(tenancy, { state: 'failing' })).toEqual([]);
    expect(signals).toEqual([
      `domainAdded acme ${host}`,
      `domainVerified acme ${host}`,
      `domainUnverified acme ${host}`,
      `domainVerified acme ${host}`,
    ]);
  });

  test('is not failing after misses that are not in a row', async () => {
    const tenancy = await opened({ maxMissed: 2 });
    const host = newDomain();
    const claim = await prove(tenancy, 'acme', host);
    for (const entry of ['SERVFAIL', [claim.record.value], 'SERVFAIL', [claim.record.value], 'NXDOMAIN'] as const) {
      dns.set(claim.record.name, entry);
      pass(dayMs);
      expect(await tenancy.domains.verifyDue()).toMatchObject({ checked: 1, failing: [] });
    }
    pass(dayMs);
    expect(await tenancy.domains.verifyDue()).toMatchObject({ failing: [{ host, problem: 'missing' }] });
  });
});

describe('verifyDue', () => {
  test('proves what was claimed, of interleaved tenants, each its own', async () => {
    const tenancy = await opened({}, ['acme', 'birch', 'cedar']);
    const hosts = Array.from({ length: 30 }, newDomain);
    const idOf = (n: number) => ['acme', 'birch', 'cedar'][n % 3] ?? '';
    for (const [n, host] of hosts.entries()) publish(await tenancy.domains.claim(idOf(n), host));
    const { checked, verified, failed } = await tenancy.domains.verifyDue({ concurrency: 4 });
    expect([checked, verified.length, failed]).toEqual([30, 30, []]);
    for (const [n, host] of hosts.entries()) expect(await ownerOf(tenancy, host)).toBe(idOf(n));
    expect(await listed(tenancy, { tenant: 'birch' })).toHaveLength(10);
    expect(await tenancy.domains.verifyDue()).toMatchObject({ checked: 0 });
  });

  test('looks at what is not proved every five minutes, for two weeks', async () => {
    const tenancy = await opened();
    const { record } = await tenancy.domains.claim('acme', newDomain());
    for (const [ms, asked] of [
      [0, 1],
      [5 * 60_000 - 1, 1],
      [2, 2],
      [14 * dayMs, 2],
    ] as const) {
      pass(ms);
      await tenancy.domains.verifyDue();
      expect(dns.asked(record.name)).toBe(asked);
    }
  });

  test('counts one miss where several processes look at once', async () => {
    const store = memoryStore();
    const [one, other] = [open({ maxMissed: 2 }, store), open({ maxMissed: 2 }, store)];
    await one.tenants.create({ id: 'acme' });
    const host = newDomain();
    const claim = await prove(one, 'acme', host);
    dns.set(claim.record.name, 'NXDOMAIN');
    pass(dayMs);
    await Promise.all([one.domains.verifyDue(), other.domains.verifyDue()]);
    expect(await listed(one, { host })).toMatchObject([{ state: 'verified', problem: 'missing' }]);
  });

  test.each([0, Number.NaN, 1.5])('refuses to check %d at a time', async (concurrency) => {
    const tenancy = await opened();
    await expect(tenancy.domains.verifyDue({ concurrency })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  test('stops where it is told to', async () => {
    const tenancy = await opened();
    await tenancy.domains.claim('acme', newDomain());
    expect(await tenancy.domains.verifyDue({ signal: AbortSignal.abort() })).toMatchObject({ checked: 0 });
  });
});

test('what is done with domains is in the audit, and a look that finds nothing new is not', async () => {
  const store = memoryStore();
  const tenancy = open({}, store);
  await tenancy.tenants.create({ id: 'acme' });
  const host = newDomain();
  const claim = await tenancy.domains.claim('acme', host);
  await tenancy.domains.verify('acme', host);
  publish(claim);
  await tenancy.domains.verify('acme', host);
  await tenancy.domains.verify('acme', host);
  await tenancy.domains.release('acme', host);
  await tenancy.domains.free(host);
  const began = { outcome: 'began' };
  expect(await audited(store)).toMatchObject([
    { verb: 'claim-domain', tenant: 'acme', ...began },
    { verb: 'claim-domain', outcome: 'done', after: { host } },
    { verb: 'verify-domain', tenant: 'acme', ...began, before: { host, state: 'pending', problem: 'missing' } },
    { verb: 'verify-domain', outcome: 'done', after: { host, state: 'verified' } },
    { verb: 'release-domain', tenant: 'acme', ...began, before: { host } },
    { verb: 'release-domain', outcome: 'done' },
    { verb: 'free-domain', ...began, before: { host } },
    { verb: 'free-domain', outcome: 'done' },
  ]);
});

test('a claim is the tenant’s that is named, whichever scope it is made and looked at in', async () => {
  const tenancy = await opened();
  const host = newDomain();
  const claim = await tenancy.run('acme', ({ id }) => tenancy.domains.claim(id, host));
  publish(claim);
  expect(await tenancy.run('birch', () => tenancy.domains.verify('acme', host))).toMatchObject({ tenant: 'acme' });
  expect(await ownerOf(tenancy, host)).toBe('acme');
});

test('without the option nothing is to be proved, and nothing can be', async () => {
  const tenancy = createTenancy({ store: memoryStore() });
  const host = newDomain();
  await tenancy.tenants.create({ id: 'acme', domains: [host] });
  expect(await ownerOf(tenancy, host)).toBe('acme');
  for (const work of [
    tenancy.domains.claim('acme', host),
    tenancy.domains.verify('acme', host),
    tenancy.domains.verifyDue(),
    tenancy.domains.release('acme', host),
    tenancy.domains.free(host),
    listed(tenancy),
  ])
    expect(await codeOf(work)).toBe('CONFIG_INVALID');
  expect(await ownerOf(tenancy, host)).toBe('acme');
});

test.each([
  [{ label: 'Shop' }, 'label'],
  [{ label: 'shop_' }, 'label'],
  [{ servers: ['dns.example'] }, 'servers'],
  [{ servers: '1.1.1.1' }, 'servers'],
  [{ ownZones: ['a b'] }, 'ownZones'],
  [{ ownZones: 'app.com' }, 'ownZones'],
  [{ coolingOffDays: -1 }, 'coolingOffDays'],
  [{ recheckMs: 0 }, 'recheckMs'],
  [{ maxMissed: 1.5 }, 'maxMissed'],
  [{ timeoutMs: Number.NaN }, 'timeoutMs'],
  [{ required: 'yes' }, 'required'],
  [{ coolingOfDays: 1 }, 'coolingOffDays'],
])('the option %j is refused', (domains, named) => {
  expect(() => createTenancy({ store: memoryStore(), domains: domains as never })).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(named) }),
  );
});

test('a store without claims is refused', () => {
  const { domainClaims, ...store } = memoryStore();
  expect(() => createTenancy({ store, domains: {} })).toThrow('a store that keeps claims');
});
