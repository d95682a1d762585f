import { TenancyError, type TenancyOptions } from '@omnitenant/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Endpoint } from '../src/api/endpoint.ts';
import { endpoints } from '../src/api/endpoints.ts';
import { createAdmin } from '../src/index.ts';
import { openSite, type Site } from './site.ts';

let site: Site;
beforeAll(async () => {
  site = await openSite();
  await site.tenancy.tenants.create({ id: 'acme', domains: ['acme.example'] });
  await site.tenancy.tenants.create({ id: 'bloom', domains: ['bloom.example'] });
  await site.tenancy.tenants.suspend('bloom');
});
afterAll(() => site[Symbol.asyncDispose]());

const all = Object.entries<Endpoint>(endpoints);
const pathOf = ({ path }: Endpoint) => path.replaceAll(/\{\w+\}/g, 'acme');

async function get(url: string, headers: Record<string, string> = {}): Promise<Response> {
  return site.admin(new Request(url, { headers: { 'x-operator': 'root', ...headers } }));
}

test.each(all)('who is no operator is refused, and one without its permission: %s', async (_, endpoint) => {
  const { method, permission } = endpoint;
  const nobody = await site.ask(method, pathOf(endpoint), { as: 'nobody' });
  expect([nobody.status, nobody.body.code]).toEqual([401, 'OPERATOR_UNKNOWN']);
  if (permission === 'read') return;
  const reader = await site.ask(method, pathOf(endpoint), { as: 'reader' });
  expect([reader.status, reader.body.code]).toEqual([403, 'PERMISSION_MISSING']);
  if (permission === 'operate') return;
  const clerk = await site.ask(method, pathOf(endpoint), { as: 'clerk' });
  expect(clerk.body.code).toBe('PERMISSION_MISSING');
});

test('who is no operator learns of no path, and gets neither pages nor the document', async () => {
  for (const path of ['', '/', '/api/v1/openapi.json', '/api/v1/nothing', '/assets/main.js']) {
    expect((await get(`http://app.test/admin${path}`, { 'x-operator': 'nobody' })).status).toBe(401);
  }
});

test.each([
  'http://acme.app.test',
  'http://acme.example',
  'http://bloom.app.test',
  'http://bloom.example',
  'http://nobody.app.test',
  'http://elsewhere.example',
  'http://127.0.0.1',
])('nothing is served at %s', async (origin) => {
  for (const path of ['/admin/', '/admin/api/v1/tenants']) expect((await get(`${origin}${path}`)).status).toBe(404);
});

test('nothing is served in the scope of a tenant, whatever the host says', async () => {
  const answer = await site.tenancy.run('acme', () => get('http://app.test/admin/api/v1/tenants'));
  expect(answer.status).toBe(404);
});

test('with hosts of its own it is served there, and not where a tenant has the domain by now', async () => {
  const { tenancy, orm } = site;
  const authorize = () => ({ id: 'root', permissions: ['read'] }) as const;
  const admin = createAdmin({ tenancy, orm, authorize, hosts: ['ops.internal', 'acme.example'] });
  const status = async (host: string) => (await admin(new Request(`http://${host}/admin/api/v1/health`))).status;
  expect([await status('ops.internal'), await status('acme.example'), await status('app.test')]).toEqual([
    200, 404, 404,
  ]);
});

test('it is not served at a host that leads to a tenant by its subdomain, whatever hosts says', async () => {
  const { tenancy, orm } = site;
  const authorize = () => ({ id: 'root', permissions: ['read'] }) as const;
  const hosts = ['ops.app.test', 'acme.app.test', 'bloom.app.test'];
  const admin = createAdmin({ tenancy, orm, authorize, hosts });
  const status = async (host: string) => (await admin(new Request(`http://${host}/admin/api/v1/health`))).status;
  expect(await Promise.all([...hosts, 'ACME.app.test.:80'].map(status))).toEqual([200, 404, 404, 404]);
});

test.each<[string, Partial<TenancyOptions>]>([
  ['refuses requests as if the tenant was not there', { authorize: () => false, forbiddenAs: 'TENANT_UNKNOWN' }],
  ['refuses requests', { authorize: () => false }],
  [
    'reads sessions, of which there are none',
    { authorize: (_, { raw }) => (raw as { session: { user: boolean } }).session.user },
  ],
])('where the application %s, a tenant’s host answers like a path that is not there', async (_, options) => {
  await using other = await openSite({ tenancy: options });
  const { tenancy, orm } = other;
  await tenancy.tenants.create({ id: 'acme', domains: ['acme.example'] });
  await orm.store.insert(
    { id: 'cut', name: 'cut', status: 'failed', isolation: 'schema', placement: {}, config: {} },
    [],
  );
  const authorize = () => ({ id: 'root', permissions: ['read'] }) as const;
  const hosts = ['ops.app.test', 'acme.app.test', 'acme.example', 'cut.app.test'];
  const admin = createAdmin({ tenancy, orm, authorize, hosts });
  const ask = async (host: string, path: string) => {
    const answer = await admin(new Request(`http://${host}/admin/api/v1/${path}`));
    return [answer.status, await answer.text(), Object.fromEntries(answer.headers)];
  };
  const nothing = await ask('ops.app.test', 'nothing');
  expect(nothing[0]).toBe(404);
  for (const host of hosts.slice(1)) expect(await ask(host, 'tenants')).toEqual(nothing);
  expect((await ask('ops.app.test', 'tenants'))[0]).toBe(200);
});

test('a resolver that reads sessions is no obstacle at a host that is named', async () => {
  const { tenancy, orm } = site;
  const leadsTo: typeof tenancy.leadsTo = async ({ raw }) =>
    (raw as { readonly session: { readonly tenant: never } }).session.tenant;
  const authorize = () => ({ id: 'root', permissions: ['read'] }) as const;
  const admin = createAdmin({ tenancy: { ...tenancy, leadsTo }, orm, authorize, hosts: ['ops.internal'] });
  expect((await admin(new Request('http://ops.internal/admin/api/v1/health'))).status).toBe(200);
});

test('a page of another origin changes nothing', async () => {
  const suspend = (headers: Record<string, string>) => site.ask('POST', '/tenants/acme/suspend', { headers });
  for (const site of ['cross-site', 'same-site', 'none']) {
    expect((await suspend({ 'sec-fetch-site': site })).body.code).toBe('ORIGIN_REFUSED');
  }
  for (const origin of ['https://evil.example', 'http://acme.app.test', 'null']) {
    expect((await suspend({ origin })).body.code).toBe('ORIGIN_REFUSED');
  }
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
    expect((await suspend({ 'content-type': type })).body.code).toBe('TYPE_UNSUPPORTED');
  }
  expect((await site.orm.store.find('acme'))?.status).toBe('active');
  expect((await suspend({ 'sec-fetch-site': 'same-origin', origin: 'http://app.test' })).status).toBe(200);
  expect((await site.ask('POST', '/tenants/acme/resume', { headers: { origin: 'https://app.test' } })).status).toBe(
    200,
  );
});

test('every answer keeps itself to itself', async () => {
  for (const path of ['/api/v1/tenants', '/api/v1/nothing', '/nothing']) {
    const { headers } = await get(`http://app.test/admin${path}`);
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
    expect(headers.get('access-control-allow-origin')).toBeNull();
    expect(headers.get('cache-control')).toBe('no-store');
  }
});

test('what authorize throws is an error of the server, which says nothing of it', async () => {
  const { tenancy, orm } = site;
  const logged: unknown[] = [];
  const authorize = () => Promise.reject(new Error('the session store is at redis://u:hunter2@r'));
  const admin = createAdmin({ tenancy, orm, authorize, onError: (error) => logged.push(error) });
  const answer = await admin(new Request('http://app.test/admin/api/v1/tenants'));
  expect(answer.status).toBe(500);
  expect(await answer.text()).not.toContain('hunter2');
  expect(logged).toHaveLength(1);
});

test('authorize may answer itself, as with a redirect to where operators log in', async () => {
  const { tenancy, orm } = site;
  const authorize = () => new Response(null, { status: 302, headers: { Location: '/login' } });
  const answer = await createAdmin({ tenancy, orm, authorize })(new Request('http://app.test/admin/'));
  expect([answer.status, answer.headers.get('location')]).toEqual([302, '/login']);
});

describe('createAdmin refuses', () => {
  test.each([
    ['no authorize', { authorize: undefined }, 'authorize'],
    ['an option that it does not have', { authorise: () => undefined }, 'did you mean "authorize"'],
    ['a basePath that is no path', { basePath: 'admin' }, 'basePath'],
    ['a host with a port', { hosts: ['localhost:3000'] }, 'without a port'],
    ['a host that no request has', { hosts: ['Ops.internal'] }, 'small letters'],
    ['a lease of no time', { leaseMs: 0 }, 'leaseMs'],
    ['a lease that is no number', { leaseMs: Number.NaN }, 'leaseMs'],
    ['days that no database knows', { keepOperationsDays: Number.POSITIVE_INFINITY }, 'keepOperationsDays'],
  ])('%s', (_, options, message) => {
    const { tenancy, orm } = site;
    const create = () => createAdmin({ tenancy, orm, authorize: () => undefined, ...options } as never);
    expect(create).toThrow(TenancyError);
    expect(create).toThrow(message);
  });
});

test('who is no operator is told that something failed, and not what', async () => {
  const { tenancy, orm } = site;
  const gone = () => Promise.reject(new TenancyError('STORE_UNAVAILABLE', 'The server "db-7" does not answer.'));
  const authorize = () => ({ id: 'root', permissions: ['read'] }) as const;
  const asked = async (url: string, admin: (request: Request) => Promise<Response>) => {
    const answer = await admin(new Request(`http://${url}/admin/api/v1/tenants`));
    return [answer.status, await answer.text()] as const;
  };
  const answers = [
    await asked('app.test', createAdmin({ tenancy, orm, authorize: gone })),
    await asked('acme.app.test', createAdmin({ tenancy: { ...tenancy, identify: gone }, orm, authorize })),
    await asked(
      'ops.test',
      createAdmin({ tenancy: { ...tenancy, leadsTo: gone }, orm, authorize, hosts: ['ops.test'] }),
    ),
  ];
  for (const [status, text] of answers) {
    expect([status, text]).toEqual([503, expect.stringContaining('STORE_UNAVAILABLE')]);
    expect(text).not.toContain('db-7');
  }
  const store = { ...orm.store, search: { page: gone, counts: gone } };
  const [, told] = await asked('app.test', createAdmin({ tenancy, orm: { ...parts(orm), store }, authorize }));
  expect(told).toContain('db-7');
});

const parts = ({ store, migrations, stats }: Site['orm']) => ({ store, migrations, stats });

test('an error of another copy of the package, with a code that this one does not know, is an answer too', async () => {
  const { tenancy, orm } = site;
  const foreign = Object.assign(new TenancyError('STORE_UNAVAILABLE', 'x'), { code: 'NEW_CODE', status: 418 });
  const admin = createAdmin({ tenancy, orm, authorize: () => Promise.reject(foreign), onError: () => {} });
  const answer = await admin(new Request('http://app.test/admin/api/v1/tenants'));
  expect(await answer.json()).toMatchObject({ status: 500, code: 'INTERNAL' });
});
