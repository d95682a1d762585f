import { randomUUID } from 'node:crypto';
import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy, fromSubdomain, memoryStore, type TenantStatus } from '@omnitenant/core';
import { createOrm } from '@omnitenant/orm';
import { ask, type TestDns, testDns } from '@omnitenant/tooling';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Endpoint } from '../src/api/endpoint.ts';
import { type EndpointName, endpoints } from '../src/api/endpoints.ts';
import { openApiDocument } from '../src/api/open-api.ts';
import { createAdmin, type Operator } from '../src/index.ts';
import { Problem } from '../src/schemas/problem.ts';
import { archivesInMemory } from './fixtures/archives.ts';
import { type Mounted, mounts } from './fixtures/mounts.ts';
import { openSite, type Site } from './site.ts';

interface Asked {
  readonly body?: object | undefined;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly as?: string;
  /** Where the control plane is mounted that is asked. */
  readonly base?: '/admin' | '/admin/down' | '/admin/bare';
  readonly id?: string;
  readonly host?: string;
  readonly times?: number;
}

const document = openApiDocument() as {
  paths: Record<
    string,
    Record<string, { operationId: EndpointName; responses: Record<string, { description: string }> }>
  >;
};
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, { operationId, responses }]) => ({ path, method, operationId, responses })),
);

test('the document that is checked in is that of the code', async () => {
  await expect(`${JSON.stringify(document, undefined, 2)}\n`).toMatchFileSnapshot('../../../docs/admin.openapi.json');
});

test('the document has every operation', () => {
  expect(operations.map(({ operationId }) => operationId).sort()).toEqual(Object.keys(endpoints).sort());
});

let dns: TestDns;
let site: Site;
let bare: Site['admin'];
let unreachable: Awaited<ReturnType<typeof unreachableAdmin>>;
let operation: string;
beforeAll(async () => {
  const operators: Readonly<Record<string, Operator>> = {
    root: { id: 'root', permissions: ['read', 'operate', 'destroy'] },
    stranger: { id: 'stranger', permissions: [] },
  };
  const authorize = (request: Request) => {
    const name = request.headers.get('x-operator') ?? '';
    if (name === 'broken') throw new Error('the session store is gone');
    return operators[name];
  };
  dns = await testDns();
  const domains = { servers: [dns.address], ownZones: ['own.test'] };
  site = await openSite({
    tenancy: { domains },
    admin: { authorize, archives: archivesInMemory(), onError: () => {} },
  });
  const { tenancy, orm } = site;
  const { domains: none } = createTenancy({ store: memoryStore() });
  bare = createAdmin({ tenancy: { ...tenancy, domains: none }, orm, authorize, basePath: '/admin/bare' });
  unreachable = await unreachableAdmin(authorize);
  for (const signal of [
    'suspending',
    'resuming',
    'maintaining',
    'archiving',
    'updating',
    'domainAdding',
    'domainRemoving',
  ] as const) {
    site.tenancy.signals.on(signal, ({ tenant }) => {
      if (tenant.id.includes('vetoed')) throw new Error('No.');
    });
  }
  const draft = { id: randomUUID(), verb: 'migrate', actor: 'root', digest: '', holder: 'test' };
  operation = (await site.orm.store.operations?.begin(draft, 60_000))?.id ?? '';
  await site.orm.store.operations?.end(operation, 'test', { status: 'succeeded' });
});
afterAll(async () => {
  const store = site.orm.store.operations;
  // What was begun goes on after it was answered.
  await vi.waitFor(
    async () => {
      const running = (await store?.page({ limit: 1_000 }))?.filter(({ status }) => status === 'running');
      expect(running).toEqual([]);
    },
    { timeout: 60_000 },
  );
  await unreachable.close();
  await site[Symbol.asyncDispose]();
  await dns.close();
});

/** A control plane whose central no server answers for. */
async function unreachableAdmin(authorize: (request: Request) => Operator | undefined) {
  const orm = await createOrm(defineConfig({ clientUrl: 'postgres://nobody@127.0.0.1:9/none', entities: [] }));
  const resolver = fromSubdomain('app.test');
  const tenancy = createTenancy({ resources: [orm], resolver, publicHosts: ['app.test'], domains: {} });
  const archives = archivesInMemory();
  const admin = createAdmin({ tenancy, orm, authorize, archives, basePath: '/admin/down' });
  return { admin, close: () => tenancy.close() };
}

async function insert(id: string, status: TenantStatus): Promise<string> {
  const placement = { server: 'default', database: 'none', schema: `t_${id}` };
  const domains = [{ host: `${id}.example`, tenantId: id, primary: false }];
  await site.orm.store.insert({ id, name: id, status, isolation: 'schema', placement, config: {} }, domains);
  return id;
}

/** Claims a host for a tenant. */
async function claim(id: string, host: string, token = 'none'): Promise<void> {
  const { createdAt: tenantCreatedAt } = await site.tenancy.tenants.get(id);
  const draft = { host, tenantId: id, tenantCreatedAt, token, primary: false, claimedAt: new Date() };
  await site.orm.store.domainClaims?.add(draft, new Date());
}

/** Claims a host for a tenant, and publishes the proof. */
async function proved(id: string, host: string): Promise<string> {
  const token = randomUUID();
  await claim(id, host, token);
  dns.set(`_omnitenant-challenge.${host}`, [token]);
  return host;
}

/** Gives a host to another tenant. */
async function taken(host: string): Promise<string> {
  const tenantId = await insert(`faster-${randomUUID().slice(0, 8)}`, 'active');
  await site.orm.store.addDomain({ host, tenantId, primary: false });
  return host;
}

const initial: Partial<Record<EndpointName, TenantStatus>> = { suspendTenant: 'active', tenantQueues: 'active' };

/** What each operation is asked with, where that is more than its path. */
const good: Partial<Record<EndpointName, (id: string) => Asked | Promise<Asked>>> = {
  createTenant: (id) => ({ body: { id: `new-${id}`, isolation: 'none' } }),
  adoptTenant: (id) => ({ body: { id: `new-${id}`, isolation: 'none', confirm: `new-${id}` } }),
  importTenant: (id) => ({ body: { id: `new-${id}`, archive: 'none.tar.zst', confirm: `new-${id}` } }),
  updateTenant: (id) => ({ body: { name: id } }),
  addDomain: (id) => ({ body: { host: `${id}.own.test` } }),
  claimDomain: (id) => ({ body: { host: `second.${id}.example` } }),
  verifyDomain: async (id) => ({ host: await proved(id, `second.${id}.example`) }),
  clearTenant: (id) => ({ body: { confirm: id } }),
  resetTenant: (id) => ({ body: { confirm: id } }),
  giveUpMove: (id) => ({ body: { confirm: id } }),
  restoreTenant: (id) => ({ body: { archive: 'none.tar.zst', confirm: id } }),
  removeTenant: (id) => ({ body: { confirm: id } }),
  eraseTenant: (id) => ({ body: { confirm: id } }),
  migrate: () => ({ body: { tenants: ['none'] } }),
  rollBack: () => ({ body: { tenants: ['none'], confirm: 'down' } }),
  verify: () => ({ body: { tenants: ['none'] } }),
};

/** How each error comes about. */
const provoked: Readonly<Record<string, (name: EndpointName, asked: Asked) => Asked | Promise<Asked>>> = {
  OPERATOR_UNKNOWN: () => ({ as: 'nobody' }),
  PERMISSION_MISSING: () => ({ as: 'stranger' }),
  INTERNAL: () => ({ as: 'broken' }),
  STORE_UNAVAILABLE: () => ({ base: '/admin/down' }),
  SERVER_UNAVAILABLE: () => ({ base: '/admin/down' }),
  ORIGIN_REFUSED: () => ({ headers: { 'sec-fetch-site': 'cross-site' } }),
  TYPE_UNSUPPORTED: () => ({ body: undefined }),
  INPUT_INVALID: (_, { body }) => (body ? { body: { ...body, nonsense: 1 } } : { query: '?nonsense=1' }),
  NOT_FOUND: () => ({ id: randomUUID() }),
  TENANT_UNKNOWN: (_, { body }) => ({
    id: 'nobody',
    ...(body && 'confirm' in body && { body: { ...body, confirm: 'nobody' } }),
  }),
  TENANT_CHANGED: () => ({ headers: { 'if-match': '"former"' } }),
  IF_MATCH_REQUIRED: () => ({ headers: {} }),
  TENANT_INVALID: () => ({ body: { columns: { nosuch: 1 } } }),
  DOMAIN_INVALID: (name) =>
    ['addDomain', 'claimDomain'].includes(name) ? { body: { host: 'not a host' } } : { host: 'not%20a%20host' },
  DOMAIN_TAKEN: async (name, { id = '' }) =>
    name === 'verifyDomain'
      ? { host: await taken(await proved(id, `taken.${id}.example`)) }
      : { body: { host: 'app.test' } },
  DOMAIN_UNPROVED: (name) => (name === 'addDomain' ? { body: { host: 'other.example' } } : { host: 'other.example' }),
  BACKLOG_FULL: async () => {
    const id = await insert(`full-${randomUUID().slice(0, 8)}`, 'active');
    await Promise.all(Array.from({ length: 100 }, (_, n) => claim(id, `c${n}.${id}.example`)));
    return { id };
  },
  NOT_CONFIRMED: (_, { body }) => ({ body: { ...body, confirm: 'another' } }),
  ARCHIVES_MISSING: () => ({ base: '/admin/bare' }),
  CLAIMS_MISSING: () => ({ base: '/admin/bare' }),
  KEY_REUSED: (_, { body }) => ({
    body: { ...body, reason: 'another' },
    headers: { 'idempotency-key': 'one' },
    times: 2,
  }),
  MIGRATION_UNKNOWN: () => ({ query: '?to=NoSuch' }),
  TRANSITION_REFUSED: async () => ({ id: await insert(`failed-${randomUUID().slice(0, 8)}`, 'failed') }),
  VETOED: async (name) => {
    const id = await insert(`vetoed-${randomUUID().slice(0, 8)}`, name === 'resumeTenant' ? 'suspended' : 'active');
    const { etag } = (await site.ask('GET', `/tenants/${id}`)).body;
    const host = name === 'verifyDomain' ? await proved(id, `new.${id}.example`) : `${id}.example`;
    return { id, host, headers: { 'if-match': etag } };
  },
  TENANT_SUSPENDED: async () => ({ id: await insert(`closed-${randomUUID().slice(0, 8)}`, 'suspended') }),
  TENANT_MAINTENANCE: async () => ({ id: await insert(`closed-${randomUUID().slice(0, 8)}`, 'maintenance') }),
  TENANT_ARCHIVED: async () => ({ id: await insert(`closed-${randomUUID().slice(0, 8)}`, 'archived') }),
};

describe.concurrent.each(Object.entries(mounts))('mounted in %s', (framework, mount) => {
  let mounted: Mounted;
  beforeAll(async () => {
    mounted = await mount((request) => {
      const { pathname } = new URL(request.url);
      if (pathname.startsWith('/admin/bare/')) return bare(request);
      return pathname.startsWith('/admin/down/') ? unreachable.admin(request) : site.admin(request);
    });
  });
  afterAll(() => mounted.close());

  async function send(method: string, path: string, asked: Asked) {
    const { body, query = '', headers = {}, as = 'root', base = '/admin', id = '', host = `${id}.example` } = asked;
    const filled = path.replace('{id}', id).replace('{host}', host);
    const sent = { 'x-operator': as, ...headers };
    return ask(mounted.port, [method.toUpperCase(), `app.test${base}/api/v1${filled}${query}`], {
      body,
      headers: sent,
    });
  }

  test.each(operations)('$operationId answers as the document says, and every error', async (described) => {
    const { path, method, operationId: name, responses } = described;
    const endpoint: Endpoint = endpoints[name];
    const id = path.startsWith('/operations') ? operation : `${framework}-${name}`.toLowerCase();
    if (path.startsWith('/tenants/')) await insert(id, initial[name] ?? 'suspended');
    const { body = endpoint.body && {}, ...more } = (await good[name]?.(id)) ?? {};
    const etag = async () =>
      (await ask(mounted.port, ['GET', `app.test/admin/api/v1/tenants/${id}`], { headers: { 'x-operator': 'root' } }))
        .body as { etag: string };
    const headers = endpoint.ifMatch === 'required' ? { 'if-match': (await etag()).etag } : {};
    const asked: Asked = { id, body, headers, ...more };

    async function fails(status: string, codes: string, code: string): Promise<void> {
      const { times = 1, ...wrong } = { ...asked, ...(await provoked[code]?.(name, asked)) };
      let answer = await send(method, path, wrong);
      if (times > 1) answer = await send(method, path, { ...wrong, body: { ...wrong.body, reason: 'one more' } });
      const problem = v.parse(Problem, answer.body);
      // Of two servers that do not answer, either is the first to be missed.
      const isEither = code.endsWith('_UNAVAILABLE') && codes.includes(problem.code);
      expect([name, isEither ? problem.code : code, answer.status]).toEqual([name, problem.code, Number(status)]);
    }

    const refused = Object.entries(responses).filter(([status]) => status !== String(endpoint.status ?? 200));
    const codes = refused.flatMap(([status, { description: all }]) =>
      all.split(', ').map((code) => [status, all, code] as const),
    );
    expect(codes.length).toBeGreaterThan(2);
    await Promise.all(codes.map((each) => fails(...each)));

    const answer = await send(method, path, asked);
    expect([name, answer.status, answer.body]).toEqual([name, endpoint.status ?? 200, expect.anything()]);
    expect(v.safeParse(endpoint.answer, answer.body).issues).toBeUndefined();
  });

  test('is not there on a tenant’s host, and who is no operator is told nothing else', async () => {
    await insert(`${framework}-host`.toLowerCase(), 'active');
    const status = async (host: string, as: string) => {
      const request = ['GET', `${host}/admin/api/v1/tenants`] as const;
      return (await ask(mounted.port, request, { headers: { 'x-operator': as } })).status;
    };
    expect(await status(`${framework}-host.app.test`.toLowerCase(), 'root')).toBe(404);
    expect(await status('app.test', 'nobody')).toBe(401);
    expect(await status('app.test', 'root')).toBe(200);
  });
});
