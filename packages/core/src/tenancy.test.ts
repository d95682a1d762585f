import { describe, expect, expectTypeOf, test, vi } from 'vitest';
import { isTenancyError, type TenancyError } from './errors/errors.ts';
import type { Tenant } from './models/tenant.ts';
import { allOf } from './resolvers/all-of.ts';
import { firstOf } from './resolvers/first-of.ts';
import { fromDomain } from './resolvers/from-domain.ts';
import { fromHeader } from './resolvers/from-header.ts';
import { fromSession } from './resolvers/from-session.ts';
import { fromSubdomain } from './resolvers/from-subdomain.ts';
import type { Identifier, TenantRequest } from './resolvers/resolver.ts';
import { defineResource } from './resource.ts';
import { currentScope } from './scope/context.ts';
import { memoryStore } from './stores/memory.ts';
import { createTenancy, type Tenancy } from './tenancy.ts';
import type { TenancyOptions } from './tenancy-options.ts';

type Acme = Tenant & { readonly plan: string };

function request(host: string | undefined, headers: Record<string, string> = {}) {
  return {
    host,
    path: '/',
    header: (name: string) => headers[name],
    raw: undefined,
  };
}

async function site(options: Partial<TenancyOptions<Acme>> = {}): Promise<Tenancy<Acme>> {
  const tenancy = createTenancy({
    store: memoryStore<Acme>(),
    resolver: firstOf(fromHeader('x-tenant'), fromSubdomain('app.com'), fromDomain()),
    publicHosts: ['app.com', '127.0.0.1'],
    ...options,
  });
  await tenancy.tenants.create({ id: 'acme', plan: 'gold', domains: ['acme.com'] });
  return tenancy;
}

describe('the current tenant', () => {
  test('is the one that was entered, with its own columns and their types', async () => {
    const tenancy = await site();
    const plan = await tenancy.run('acme', async (tenant) => {
      expectTypeOf(tenant).toEqualTypeOf<Acme>();
      expectTypeOf(tenancy.current()).toEqualTypeOf<Acme>();
      expectTypeOf(tenancy.tryCurrent()).toEqualTypeOf<Acme | undefined>();
      expect(tenancy.current()).toBe(tenant);
      return tenancy.current().plan;
    });
    expectTypeOf(plan).toEqualTypeOf<string>();
    expectTypeOf(tenancy.tenants.get).returns.resolves.toEqualTypeOf<Acme>();
    expect(plan).toBe('gold');
  });

  test('is refused outside and in central, in different words', async () => {
    const tenancy = await site();
    expect(() => tenancy.current()).toThrow(expect.objectContaining({ code: 'OUTSIDE_SCOPE' }) as Error);
    expect(tenancy.tryCurrent()).toBeUndefined();
    await tenancy.central(() => {
      expect(() => tenancy.current()).toThrow(expect.objectContaining({ code: 'NOT_IN_TENANT' }) as Error);
      expect(tenancy.tryCurrent()).toBeUndefined();
    });
  });

  test('of one tenancy is not the tenant of another', async () => {
    const [one, other] = [await site(), await site()];
    await one.run('acme', () => {
      expect(() => other.current()).toThrow(expect.objectContaining({ code: 'OUTSIDE_SCOPE' }) as Error);
    });
  });

  test('is of a type that fits wherever any tenancy does', async () => {
    const any: Tenancy = await site();
    expect(await any.run('acme', ({ id }) => id)).toBe('acme');
  });
});

describe('run', () => {
  test('gives what its function gives, awaited', async () => {
    const tenancy = await site();
    expect(await tenancy.run('acme', () => 7)).toBe(7);
    const later = tenancy.run('acme', async () => [7] as const);
    expectTypeOf(later).toEqualTypeOf<Promise<readonly [7]>>();
    expect(await later).toEqual([7]);
  });

  test.each(['nobody', 'ACME', '', '..', "a'", 'a\0', 'central', undefined, null, {}])(
    'refuses %j as unknown, and calls nothing',
    async (id) => {
      const tenancy = await site();
      const fn = vi.fn();
      await expect(tenancy.run(id as string, fn)).rejects.toMatchObject({ code: 'TENANT_UNKNOWN', expose: false });
      expect(fn).not.toHaveBeenCalled();
    },
  );

  test('checks a tenant that it is given as it checks an id', async () => {
    const tenancy = await site();
    const old = await tenancy.tenants.get('acme');
    await tenancy.tenants.update('acme', { plan: 'free' });
    expect(await tenancy.run(old, ({ plan }) => plan)).toBe('free');
    await tenancy.tenants.suspend('acme');
    await expect(tenancy.run(old, () => 1)).rejects.toMatchObject({ code: 'TENANT_SUSPENDED' });
  });

  test('enters no later tenant for one that was removed', async () => {
    const tenancy = await site();
    const removed = await tenancy.tenants.get('acme');
    await tenancy.tenants.remove('acme');
    await tenancy.tenants.create({ id: 'acme', plan: 'free' });
    const refusal = { code: 'TENANT_OUTDATED', tenant: 'acme' };
    await expect(tenancy.run(removed, ({ plan }) => plan)).rejects.toMatchObject(refusal);
    await expect(tenancy.run(removed, ({ plan }) => plan, { as: 'ada' })).rejects.toMatchObject(refusal);
    const received = JSON.parse(JSON.stringify(removed)) as Acme;
    await expect(tenancy.run(received, ({ plan }) => plan)).rejects.toMatchObject(refusal);
    const present = JSON.parse(JSON.stringify(await tenancy.tenants.get('acme'))) as Acme;
    expect(await tenancy.run(present, ({ plan }) => plan)).toBe('free');
    expect(await tenancy.run('acme', ({ plan }) => plan)).toBe('free');
  });

  test('looks the tenant up outside the scope that it is called in', async () => {
    const memory = memoryStore<Acme>();
    const scopes: unknown[] = [];
    async function find(id: string) {
      scopes.push(currentScope());
      return memory.find(id);
    }
    const tenancy = await site({ store: { ...memory, find } });
    scopes.length = 0;
    await tenancy.central(() => tenancy.run('acme', () => undefined));
    expect(scopes).toEqual([undefined]);
  });
});

describe('a request', () => {
  test.each([
    ['its subdomain', request('acme.app.com')],
    ['its subdomain, in capitals and with a port', request('ACME.app.com:8080')],
    ['its domain', request('acme.com')],
    ['its domain with www.', request('www.acme.com')],
    ['a header', request('api.other.com', { 'x-tenant': 'acme' })],
  ])('enters the tenant of %s', async (_, asked) => {
    const tenancy = await site();
    expect(await tenancy.enter(asked, (tenant) => [tenant?.id, tenancy.current().plan])).toEqual(['acme', 'gold']);
    expect((await tenancy.identify(asked))?.id).toBe('acme');
  });

  test.each(['app.com', 'APP.com:443', 'www.app.com', 'app.com.', '127.0.0.1:3000'])(
    'enters central on the public host %s',
    async (host) => {
      const tenancy = await site();
      expect(await tenancy.identify(request(host))).toBeUndefined();
      expect(await tenancy.enter(request(host), (tenant) => [tenant, currentScope()?.kind])).toEqual([
        undefined,
        'central',
      ]);
    },
  );

  test('waits for a promise of another library, whatever returns it', async () => {
    /** Not a Promise, and neither is what its `then` returns. */
    const ofAnother = <Value>(value: Value) => ({
      // biome-ignore lint/suspicious/noThenProperty: it is what is tested
      then: (next: (value: Value) => unknown) => ofAnother(next(value)),
    });
    let allowed = false;
    const tenancy = await site({
      resolver: fromSession(() => ofAnother('acme') as never),
      authorize: () => ofAnother(allowed) as never,
    });
    await tenancy.run('acme', () => {}); // so that the tenant is cached
    const entered = () => tenancy.enter(request('app.test'), (tenant) => tenant?.id);
    await expect(entered()).rejects.toMatchObject({ code: 'TENANT_FORBIDDEN' });
    allowed = true;
    expect(await entered()).toBe('acme');
  });

  test('enters central on a public host with www., whoever has the name without it', async () => {
    const publicHosts = ['www.acme.com', 'app.com'];
    for (const stripWww of [true, false]) {
      const tenancy = await site({ publicHosts, resolver: fromDomain({ stripWww }) });
      for (const host of ['www.acme.com', 'www.app.com']) {
        expect(await tenancy.identify(request(host))).toBeUndefined();
        await expect(tenancy.tenants.addDomain('acme', host)).rejects.toMatchObject({ code: 'DOMAIN_TAKEN' });
      }
      expect((await tenancy.identify(request('acme.com')))?.id).toBe('acme');
    }
  });

  test.each([
    ['nobody.app.com', 'TENANT_UNKNOWN'],
    ['nobody.com', 'TENANT_UNKNOWN'],
    ['evil.com.app.com', 'TENANT_UNKNOWN'],
    ['app.com.evil.com', 'TENANT_UNKNOWN'],
    ['xapp.com', 'TENANT_UNKNOWN'],
    [undefined, 'TENANT_UNRESOLVED'],
    ['', 'TENANT_UNRESOLVED'],
    ['localhost', 'TENANT_UNRESOLVED'],
    ['127.0.0.2', 'TENANT_UNRESOLVED'],
    ['[::1]:80', 'TENANT_UNRESOLVED'],
    ['0x7f.1', 'TENANT_UNRESOLVED'],
    ['app.com, acme.com', 'TENANT_UNRESOLVED'],
    ['app.com@evil', 'TENANT_UNRESOLVED'],
  ])('for the host %j is refused with %s', async (host, code) => {
    const tenancy = await site();
    const fn = vi.fn();
    await expect(tenancy.enter(request(host), fn)).rejects.toMatchObject({ code });
    expect(fn).not.toHaveBeenCalled();
  });

  test('reaches a domain that is registered with www., and else the one without it', async () => {
    const tenancy = await site();
    await tenancy.tenants.create({ id: 'beta', domains: ['www.acme.com', 'www.beta.com'] });
    const found = async (host: string) => (await tenancy.identify(request(host)))?.id;
    expect(await Promise.all(['acme.com', 'www.acme.com', 'www.beta.com'].map(found))).toEqual([
      'acme',
      'beta',
      'beta',
    ]);
    await expect(found('beta.com')).rejects.toMatchObject({ code: 'TENANT_UNKNOWN' });
    await tenancy.tenants.removeDomain('beta', 'www.acme.com');
    expect(await found('www.acme.com')).toBe('acme');
  });

  test('that names an id and a domain enters their tenant, and is refused if they are of two', async () => {
    const tenancy = await site({ resolver: allOf(fromDomain(), fromHeader('x-tenant')) });
    await tenancy.tenants.create({ id: 'birch', plan: 'free', domains: ['birch.com'] });
    const tenantOf = async (host: string, id: string) =>
      (await tenancy.identify(request(host, { 'x-tenant': id })))?.id;
    expect(await tenantOf('acme.com', 'acme')).toBe('acme');
    expect(await tenantOf('www.acme.com:443', 'acme')).toBe('acme');
    expect(await tenantOf('app.com', 'acme')).toBe('acme');
    expect(await tenancy.identify(request('app.com'))).toBeUndefined();
    for (const [host, id] of [
      ['birch.com', 'acme'],
      ['acme.com', 'birch'],
      ['acme.com', 'nobody'],
    ] as const) {
      await expect(tenantOf(host, id)).rejects.toMatchObject({ code: 'TENANT_UNRESOLVED', message: /two tenants/ });
    }
    await expect(tenantOf('nobody.com', 'acme')).rejects.toMatchObject({ code: 'TENANT_UNKNOWN' });
  });

  test('that names no tenant is told which host was seen, and what is expected', async () => {
    const tenancy = await site();
    await expect(tenancy.identify(request('localhost:3000'))).rejects.toThrow(
      'The request for the host "localhost:3000" names no tenant. It takes a header with the id of the tenant or ' +
        'a subdomain of "app.com" or a tenant\'s domain as its host, or a host of publicHosts.',
    );
    await expect(tenancy.identify(request(undefined))).rejects.toThrow(
      'The request without a single host names no tenant.',
    );
  });

  test('for a public host that names a tenant otherwise enters the tenant, or is refused', async () => {
    const tenancy = await site();
    expect((await tenancy.identify(request('app.com', { 'x-tenant': 'acme' })))?.id).toBe('acme');
    await expect(tenancy.identify(request('app.com', { 'x-tenant': 'nobody' }))).rejects.toMatchObject({
      code: 'TENANT_UNKNOWN',
    });
  });

  test('that names a public host, and comes from elsewhere, does not enter central', async () => {
    const tenancy = await site({ resolver: ({ header }) => ({ domain: header('x-domain') ?? '' }) });
    await expect(tenancy.identify(request('elsewhere.com', { 'x-domain': 'app.com' }))).rejects.toMatchObject({
      code: 'TENANT_UNKNOWN',
    });
  });

  test('for a tenant that is suspended is refused before anything runs', async () => {
    const tenancy = await site();
    await tenancy.identify(request('acme.com'));
    await tenancy.tenants.suspend('acme');
    const fn = vi.fn();
    await expect(tenancy.enter(request('acme.com'), fn)).rejects.toMatchObject({
      code: 'TENANT_SUSPENDED',
      status: 403,
    });
    expect(fn).not.toHaveBeenCalled();
  });

  test('that the store cannot answer is refused as 503, and answered once it can', async () => {
    const memory = memoryStore<Acme>();
    const findByDomain = vi.fn(memory.findByDomain).mockRejectedValueOnce(new Error('down'));
    const tenancy = await site({ store: { ...memory, findByDomain } });
    await expect(tenancy.identify(request('acme.com'))).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      status: 503,
    });
    expect((await tenancy.identify(request('acme.com')))?.id).toBe('acme');
  });

  test('may wait for what the resolver finds', async () => {
    const tenancy = await site({
      resolver: firstOf(
        async () => undefined,
        async ({ header }) => ({ id: header('x-tenant') ?? '' }),
      ),
    });
    expect((await tenancy.identify(request('app.com', { 'x-tenant': 'acme' })))?.id).toBe('acme');
  });

  test('asks the application whether the request may enter, before it says more about the tenant', async () => {
    const authorize = vi.fn(
      async (tenant: Acme, asked: TenantRequest) => asked.header('x-user') === `ann of ${tenant.id}`,
    );
    const tenancy = await site({ authorize });
    const ann = { 'x-tenant': 'acme', 'x-user': 'ann of acme' };
    const bob = { 'x-tenant': 'acme', 'x-user': 'bob of birch' };
    expect((await tenancy.identify(request('app.com', ann)))?.id).toBe('acme');
    const forbidden = { code: 'TENANT_FORBIDDEN', status: 403, tenant: 'acme' };
    await expect(tenancy.identify(request('app.com', bob))).rejects.toMatchObject(forbidden);
    const work = vi.fn();
    await expect(tenancy.enter(request('app.com', bob), work)).rejects.toMatchObject(forbidden);
    expect(work).not.toHaveBeenCalled();
    await tenancy.tenants.suspend('acme');
    await expect(tenancy.identify(request('app.com', bob))).rejects.toMatchObject(forbidden);
    await expect(tenancy.identify(request('app.com', ann))).rejects.toMatchObject({ code: 'TENANT_SUSPENDED' });

    authorize.mockClear();
    await tenancy.enter(request('app.com'), (tenant) => expect(tenant).toBeUndefined());
    await expect(tenancy.identify(request('app.com', { 'x-tenant': 'nobody' }))).rejects.toMatchObject({
      code: 'TENANT_UNKNOWN',
    });
    expect(authorize).not.toHaveBeenCalled();
  });

  test('does not enter a tenant that is suspended or made again while the application decides', async () => {
    const meanwhile: (() => Promise<unknown>)[] = [];
    const tenancy = await site({
      async authorize() {
        await meanwhile.shift()?.();
        return true;
      },
    });
    const work = vi.fn();
    meanwhile.push(() => tenancy.tenants.suspend('acme'));
    await expect(tenancy.enter(request('acme.com'), work)).rejects.toMatchObject({ code: 'TENANT_SUSPENDED' });
    await tenancy.tenants.resume('acme');
    meanwhile.push(async () => {
      await tenancy.tenants.remove('acme');
      await tenancy.tenants.create({ id: 'acme', plan: 'gold', domains: ['acme.com'] });
    });
    await expect(tenancy.enter(request('acme.com'), work)).rejects.toMatchObject({ code: 'TENANT_UNKNOWN' });
    expect(work).not.toHaveBeenCalled();
    expect((await tenancy.identify(request('acme.com')))?.plan).toBe('gold');
  });

  test.each([false, undefined, 1, 'yes', Promise.resolve(undefined)])(
    'lets no request in when authorize returns %j',
    async (answer) => {
      const tenancy = await site({ authorize: () => answer as boolean, forbiddenAs: 'TENANT_UNKNOWN' });
      const [refused, unknown] = await Promise.all(
        ['acme', 'nobody'].map((id) =>
          tenancy.identify(request('app.com', { 'x-tenant': id })).catch((error: TenancyError) => error),
        ),
      );
      expect(refused).toMatchObject({ code: 'TENANT_UNKNOWN', message: 'There is no tenant "acme".' });
      expect((refused as TenancyError).tenant).toBe((unknown as TenancyError).tenant);
    },
  );

  test.each([Promise.resolve(7), {}, { id: 7 }, null, 'acme'])(
    'is refused when the resolver returns %j',
    async (wrong) => {
      const tenancy = await site({ resolver: () => wrong as Identifier });
      await expect(tenancy.identify(request('app.com'))).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    },
  );

  test('is refused when there is no resolver', async () => {
    const tenancy = createTenancy({ store: memoryStore() });
    await expect(tenancy.identify(request('app.com'))).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

describe('createTenancy', () => {
  const store = memoryStore();
  const { find: _, ...findless } = store;
  const verbs = { name: 'db', open: () => 1 };
  const resource = defineResource(verbs);

  test.each<[string, unknown, RegExp]>([
    ['no options', undefined, /object of options/],
    ['no store', { resources: [resource] }, /requires a store/],
    ['two stores', { store, resources: [defineResource({ ...verbs, store: memoryStore() })] }, /one store.*"db"/],
    ['a store without a method', { store: findless }, /the method "find"/],
    ['a resolver that is no function', { store, resolver: 'domain' }, /a resolver that is a function/],
    ['a public host with a port', { store, publicHosts: ['app.com:80'] }, /"app.com:80"/],
    ['a public host that is no host', { store, publicHosts: ['https://app.com'] }, /public hosts/],
    ['public hosts that are no array', { store, publicHosts: 'app.com' }, /publicHosts as an array/],
    ['two resources of one name', { store, resources: [resource, defineResource(verbs)] }, /named "db"/],
    ['a resource that cannot be opened', { store, resources: [{ name: 'db' }] }, /open\(\)/],
    ['resources that are no array', { store, resources: resource }, /resources as an array/],
    ['a ttl of nothing', { store, cache: { ttlMs: 0 } }, /cache\.ttlMs/],
    ['a max that is no number', { store, cache: { max: '10' } }, /cache\.max/],
    ['reserved ids that are no strings', { store, reservedIds: [7] }, /reservedIds/],
    ['an onError that is no function', { store, onError: true }, /onError/],
  ])('refuses %s in one sentence', (_name, options, message) => {
    const create = () => createTenancy(options as TenancyOptions);
    expect(create).toThrow(message);
    expect(create).toThrow(expect.toSatisfy((error) => isTenancyError(error, 'CONFIG_INVALID')));
    expect(create).toThrow(/^createTenancy\(\) requires [^\n]+\.$/);
  });

  test('keeps the tenants in the store that a resource brings, with the application’s own columns', async () => {
    interface Shop extends Tenant {
      readonly plan: string;
    }
    const orm = defineResource({ ...verbs, store: memoryStore<Shop>() });
    const tenancy = createTenancy({ resources: [defineResource({ ...verbs, name: 'cache' }), orm] });
    await tenancy.tenants.create({ id: 'acme', plan: 'gold' });
    const plan: string = await tenancy.run('acme', () => tenancy.current().plan);
    expect(plan).toBe('gold');
  });

  test('takes a resource as its verbs, where nobody asks for its handle', async () => {
    const told: string[] = [];
    const tell = (verb: string) => async (tenant: Tenant) => void told.push(`${verb} ${tenant.id}`);
    const folders = { name: 'folders', open: () => undefined, create: tell('create'), destroy: tell('destroy') };
    const tenancy = createTenancy({ store: memoryStore(), resources: [resource, folders] });
    await tenancy.tenants.create({ id: 'acme' });
    await tenancy.tenants.remove('acme');
    expect(told).toEqual(['create acme', 'destroy acme']);
  });

  test('reserves the ids that the application wants for itself', async () => {
    const tenancy = createTenancy({ store: memoryStore(), reservedIds: ['admin'] });
    await expect(tenancy.tenants.create({ id: 'admin' })).rejects.toMatchObject({ code: 'TENANT_INVALID' });
  });

  test('reads the time that its cache goes by from the clock that it is given', async () => {
    let now = 1;
    const memory = memoryStore<Acme>();
    const tenancy = await site({ store: memory, cache: { ttlMs: 100, clock: { now: () => now } } });
    await tenancy.run('acme', () => undefined);
    await memory.update('acme', { plan: 'elsewhere' } as Partial<Acme>);
    expect(await tenancy.run('acme', ({ plan }) => plan)).toBe('gold');
    now += 101;
    expect(await tenancy.run('acme', ({ plan }) => plan)).toBe('elsewhere');
  });

  test('reports what has no caller as a process warning unless it is told where', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const error = new Error('mail is down');
    const tenancy = createTenancy({ store: memoryStore() });
    tenancy.signals.on('created', () => Promise.reject(error));
    await tenancy.tenants.create({ id: 'acme' });
    expect(warn).toHaveBeenCalledExactlyOnceWith(error);
    warn.mockRestore();
  });

  test('survives an onError that fails', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const failure = new Error('log is full');
    function onError() {
      throw failure;
    }
    const tenancy = createTenancy({ store: memoryStore(), onError });
    tenancy.signals.on('created', () => Promise.reject(new Error('mail is down')));
    expect((await tenancy.tenants.create({ id: 'acme' })).status).toBe('active');
    expect(warn).toHaveBeenCalledExactlyOnceWith(failure);
    warn.mockRestore();
  });
});

describe('what a tenancy holds for the process', () => {
  test('is migrated in order and ended in the reverse one, once', async () => {
    const events: string[] = [];
    const resources = ['db', 'files'].map((name) =>
      defineResource({
        name,
        open: () => 1,
        migrateCentral: async () => void events.push(`migrate ${name}`),
        end: async () => void events.push(`end ${name}`),
      }),
    );
    {
      await using tenancy = createTenancy({ store: memoryStore(), resources });
      await tenancy.migrateCentral();
      await Promise.all([tenancy.close(), tenancy.close()]);
    }
    expect(events).toEqual(['migrate db', 'migrate files', 'end files', 'end db']);
  });

  test('is ended all, when one part cannot be', async () => {
    const end = vi.fn(async () => {});
    const stuck = (name: string) => defineResource({ name, open: () => 1, end: () => Promise.reject(new Error(name)) });
    const one = createTenancy({
      store: memoryStore(),
      resources: [defineResource({ name: 'a', open: () => 1, end }), stuck('b')],
    });
    await expect(one.close()).rejects.toThrow('b');
    expect(end).toHaveBeenCalledOnce();
    const two = createTenancy({ store: memoryStore(), resources: [stuck('a'), stuck('b')] });
    await expect(two.close()).rejects.toMatchObject({ errors: [new Error('b'), new Error('a')] });
  });
});
