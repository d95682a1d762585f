import { randomUUID } from 'node:crypto';
import { defineEntity, p } from '@mikro-orm/core';
import { TenantSchema } from '@omnitenant/orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSite, type Site } from './site.ts';

let site: Site;
beforeAll(async () => {
  site = await openSite();
  const { tenants } = site.tenancy;
  await tenants.create({
    id: 'acme',
    name: 'Acme Ltd',
    domains: [{ host: 'acme.example', primary: true }],
    config: { plan: 'gold', apiKey: 'k-1' },
  });
  await tenants.create({ id: 'initech' });
  await tenants.suspend('initech');
  const other = { status: 'active', isolation: 'row', placement: { server: 'default' }, config: {} } as const;
  await site.orm.store.insert({ id: 'globex', name: 'globex', ...other }, []);
});
afterAll(() => site[Symbol.asyncDispose]());

test('an operator pages through the tenants', async () => {
  const first = await site.ask('GET', '/tenants?limit=2');
  expect(first.status).toBe(200);
  expect(first.body.tenants.map(({ id }: { id: string }) => id)).toEqual(['acme', 'globex']);
  expect(first.body.next).toBe('globex');
  const second = await site.ask('GET', `/tenants?limit=2&after=${first.body.next}`);
  expect(second.body).toMatchObject({ tenants: [{ id: 'initech', status: 'suspended' }], next: null });
});

test('an operator finds tenants by name, host, status, isolation and server', async () => {
  const ids = async (query: string) =>
    (await site.ask('GET', `/tenants?${query}`)).body.tenants.map(({ id }: { id: string }) => id);
  expect(await ids('search=ltd')).toEqual(['acme']);
  expect(await ids('search=acme.exam')).toEqual(['acme']);
  expect(await ids('status=suspended')).toEqual(['initech']);
  expect(await ids('isolation=row')).toEqual(['globex']);
  expect(await ids('server=default&status=active')).toEqual(['acme', 'globex']);
  expect(await ids('server=elsewhere')).toEqual([]);
  expect(await ids('version=none')).toEqual(['acme', 'initech']);
});

test('one tenant is shown with its domains and config, and without its secrets', async () => {
  const { body, headers } = await site.ask('GET', '/tenants/acme');
  expect(body).toMatchObject({
    id: 'acme',
    name: 'Acme Ltd',
    placement: { server: 'default', schema: 't_acme' },
    version: 'none',
    domains: [{ host: 'acme.example', primary: true }],
    config: { plan: 'gold', apiKey: '***' },
  });
  expect(headers.get('etag')).toBe(body.etag);
});

test('a column that the application hides is not shown', async () => {
  const Customer = defineEntity({
    name: 'Customer',
    extends: TenantSchema,
    schema: 'central',
    properties: { plan: p.string().nullable(), pin: p.string().hidden().nullable() },
  });
  await using other = await openSite({ config: { entities: [Customer] }, orm: { tenant: Customer as never } });
  await other.tenancy.tenants.create({ id: 'acme', plan: 'gold', pin: '1234' } as never);
  const { body } = await other.ask('GET', '/tenants/acme');
  expect(body.columns).toEqual({ plan: 'gold', pin: '***' });
});

test('a tenant that is not there is a problem with its code', async () => {
  for (const id of ['nobody', 'UPPER', 'a%2Fb']) {
    const { status, headers, body } = await site.ask('GET', `/tenants/${id}`);
    expect([status, body.code]).toEqual([404, 'TENANT_UNKNOWN']);
    expect(headers.get('content-type')).toBe('application/problem+json');
  }
});

test('the fleet is counted by status, isolation, server and version', async () => {
  expect((await site.ask('GET', '/fleet')).body).toEqual({
    total: 3,
    status: { active: 2, suspended: 1 },
    isolation: { schema: 2, row: 1 },
    server: { default: 3 },
    version: { none: 2, unknown: 1 },
    latest: null,
    behind: 0,
  });
});

test('health, counters and connections of the process are shown', async () => {
  expect((await site.ask('GET', '/health')).body).toMatchObject({ live: true, ready: true });
  expect((await site.ask('GET', '/stats')).body.scopes.open).toBeGreaterThan(0);
  expect((await site.ask('GET', '/connections')).body.servers.default.max).toBeGreaterThan(0);
});

test('usage is shown by day and by tenant, those first who have used the most', async () => {
  const id = randomUUID();
  const day = new Date().toISOString().slice(0, 10);
  const counts = { statements: 1, milliseconds: 2, jobs: 0, cacheBytes: 0 };
  const record = (tenant: string, rows: number) => ({ tenant, createdAt: new Date(0), day, rows, ...counts });
  const old = { ...record('acme', 1), day: '2020-01-01' };
  const records = [record('acme', 5), record('former', 7), old];
  await site.orm.store.usage?.add({ id, records, keepSince: '2000-01-01' });
  const { body } = await site.ask('GET', '/usage?by=rows&limit=1');
  expect(body.days).toEqual([{ day, rows: 12, ...counts, statements: 2, milliseconds: 4 }]);
  expect(body.tenants).toMatchObject([{ tenant: 'former', rows: 7, storageBytes: null }]);
  const mine = (await site.ask('GET', '/usage?tenant=acme&since=2020-01-01&until=2020-01-02&storage=true')).body;
  expect(mine.days).toMatchObject([{ day: '2020-01-01', rows: 1 }]);
  expect(mine.tenants).toMatchObject([{ rows: 1 }, { rows: 0, storageBytes: expect.any(Number) }]);
  for (const query of ['since=yesterday', 'by=name', 'since=2026-13-01']) {
    expect((await site.ask('GET', `/usage?${query}`)).body.code).toBe('INPUT_INVALID');
  }
});

test('input that the schema does not have is refused, and where', async () => {
  const { status, body } = await site.ask('GET', '/tenants?limit=100000&serch=acme');
  expect([status, body.code]).toEqual([422, 'INPUT_INVALID']);
  expect(body.issues.map(({ path }: { path: string }) => path).sort()).toEqual(['query.limit', 'query.serch']);
});

test('a member of an embeddable that the application hides is not shown, and not in the audit', async () => {
  const Billing = defineEntity({
    name: 'Billing',
    embeddable: true,
    properties: { city: p.string(), iban: p.string().hidden() },
  });
  const Customer = defineEntity({
    name: 'Customer',
    extends: TenantSchema,
    schema: 'central',
    properties: {
      billing: () => p.embedded(Billing),
      former: () => p.embedded(Billing).object().nullable(),
      others: () => p.embedded(Billing).array(),
    },
  });
  await using other = await openSite({ config: { entities: [Billing, Customer] }, orm: { tenant: Customer as never } });
  const billing = (iban: string) => ({ city: 'Ulm', iban });
  const own = { billing: billing('DE-1'), former: billing('DE-2'), others: [billing('DE-3')] };
  await other.tenancy.tenants.create({ id: 'acme', ...own } as never);
  const masked = { city: 'Ulm', iban: '***' };
  const { body } = await other.ask('GET', '/tenants/acme');
  expect(body.columns).toEqual({ billing: masked, former: masked, others: [masked] });
  const audit = (await other.ask('GET', '/audit.ndjson')).body;
  expect(audit).toContain('Ulm');
  expect(audit).not.toContain('DE-');
});
