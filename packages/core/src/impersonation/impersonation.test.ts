import { jwtVerify, SignJWT } from 'jose';
import { afterEach, expect, test, vi } from 'vitest';
import { incarnationOf } from '../models/incarnation.ts';
import { memoryStore } from '../stores/memory.ts';
import type { TenantStore } from '../stores/store.ts';
import { createTenancy, type Tenancy } from '../tenancy.ts';
import type { ImpersonationOptions } from './impersonation-options.ts';

const key = 'a secret of the tests, of more than 32 bytes';
const refused = { code: 'TOKEN_INVALID', tenant: expect.any(String) };
const maria = { as: 'maria', reason: 'ticket 7' };

afterEach(() => {
  vi.useRealTimers();
});

/** A process of an application: all have one store. */
function start(store: TenantStore, impersonation: ImpersonationOptions | undefined = { key }): Tenancy {
  return createTenancy({ store, impersonation });
}

async function withTenants(store = memoryStore()): Promise<Tenancy> {
  const tenancy = start(store);
  for (const id of ['acme', 'birch']) await tenancy.tenants.create({ id });
  return tenancy;
}

function redeem(tenancy: Tenancy, id: string, token: string) {
  return tenancy.run(id, () => tenancy.impersonation.redeem(token, ({ tenant, user, by }) => [tenant.id, user, by]));
}

test('an operator becomes the user, in another process too, and acts in its own name', async () => {
  const store = memoryStore();
  const tenancy = await withTenants(store);
  const other = start(store);
  const told: unknown[] = [];
  tenancy.signals.on('impersonating', ({ tenant, user, by }) => void told.push(['asks', tenant.id, user, by]));
  other.signals.on('impersonated', ({ tenant, user, by }) => void told.push(['is', tenant.id, user, by]));
  const token = await tenancy.as({ actor: 'maria', reason: 'ticket 7' }, () =>
    tenancy.impersonation.grant('acme', { user: 'user-7' }),
  );
  const by = { actor: 'maria', reason: 'ticket 7' };
  const acting = await other.run('acme', () => other.impersonation.redeem(token, () => other.acting()));
  expect(acting).toEqual(by);
  expect(told).toEqual([
    ['asks', 'acme', 'user-7', by],
    ['is', 'acme', 'user-7', by],
  ]);
});

test('a token is good for one use, of which one of two processes at once gets it', async () => {
  const store = memoryStore();
  const tenancy = await withTenants(store);
  const processes = [tenancy, start(store), start(store)];
  const token = await tenancy.impersonation.grant('acme', { user: 'user-7', ...maria });
  const settled = await Promise.allSettled(processes.map((process) => redeem(process, 'acme', token)));
  expect(settled.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected']);
  for (const process of processes) await expect(redeem(process, 'acme', token)).rejects.toMatchObject(refused);
});

test('a token whose session fails is used up', async () => {
  const tenancy = await withTenants();
  const token = await tenancy.impersonation.grant('acme', { user: 'user-7', ...maria });
  const failing = () => tenancy.impersonation.redeem(token, () => Promise.reject(new Error('no such user')));
  await expect(tenancy.run('acme', failing)).rejects.toThrow('no such user');
  await expect(redeem(tenancy, 'acme', token)).rejects.toMatchObject(refused);
});

test('a token is refused in another tenant, which does not use it up, in a later tenant of the id, and in no tenant', async () => {
  const tenancy = await withTenants();
  const { impersonation } = tenancy;
  const grant = () => impersonation.grant('acme', { user: 'user-7', ...maria });
  const tokens = await Promise.all([grant(), grant()]);
  const [token = '', late = ''] = tokens;
  await expect(redeem(tenancy, 'birch', token)).rejects.toMatchObject({ ...refused, tenant: 'birch' });
  await expect(tenancy.central(() => impersonation.redeem(token, () => {}))).rejects.toMatchObject({
    code: 'NOT_IN_TENANT',
  });
  await expect(impersonation.redeem(token, () => {})).rejects.toMatchObject({ code: 'NOT_IN_TENANT' });
  expect(await redeem(tenancy, 'acme', token)).toEqual(['acme', 'user-7', { actor: 'maria', reason: 'ticket 7' }]);
  await tenancy.tenants.remove('acme');
  vi.useFakeTimers({ now: Date.now() + 1_000, toFake: ['Date'] });
  await tenancy.tenants.create({ id: 'acme' });
  await expect(redeem(tenancy, 'acme', late)).rejects.toMatchObject(refused);
});

test('interleaved operators are each the user that they asked for', async () => {
  const tenancy = await withTenants();
  const wishes = Array.from({ length: 20 }, (_, n) => ({
    id: n % 2 ? 'acme' : 'birch',
    user: `user-${n}`,
    as: `op-${n}`,
  }));
  const sessions = await Promise.all(
    wishes.map(async ({ id, ...wish }) => redeem(tenancy, id, await tenancy.impersonation.grant(id, wish))),
  );
  expect(sessions).toEqual(wishes.map(({ id, user, as }) => [id, user, { actor: as, reason: undefined }]));
});

test('a token that has expired is refused', async () => {
  const tenancy = await withTenants();
  const token = await tenancy.impersonation.grant('acme', { user: 'user-7', ...maria });
  vi.useFakeTimers({ now: Date.now() + 61_000, toFake: ['Date'] });
  await expect(redeem(tenancy, 'acme', token)).rejects.toMatchObject(refused);
});

test('what was not signed for this is refused: other keys, a session of the application, a changed token, no token', async () => {
  const store = memoryStore();
  const tenancy = await withTenants(store);
  const token = await tenancy.impersonation.grant('acme', { user: 'user-7', ...maria });
  const [head, payload = '', signature] = token.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
  const changed = Buffer.from(JSON.stringify({ ...claims, sub: 'admin' })).toString('base64url');
  const session = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(key));
  const unsigned = `${Buffer.from(JSON.stringify({ alg: 'none', typ: 'omnitenant-impersonation+jwt' })).toString('base64url')}.${payload}.`;
  const forged = await start(store, { key: 'the secret of somebody else, of 32 bytes' }).impersonation.grant('acme', {
    user: 'admin',
    ...maria,
  });
  expect(claims.aud).toBe(incarnationOf(await tenancy.tenants.get('acme')));
  const all = [`${head}.${changed}.${signature}`, session, unsigned, forged, '', undefined as never];
  for (const wrong of all) await expect(redeem(tenancy, 'acme', wrong), wrong).rejects.toMatchObject(refused);
  expect(await redeem(tenancy, 'acme', token)).toContain('user-7');
});

test('a token is no session of an application that signs sessions with the same key', async () => {
  const tenancy = await withTenants();
  const token = await tenancy.impersonation.grant('acme', { user: 'user-7', ...maria });
  await expect(jwtVerify(token, new TextEncoder().encode(key))).rejects.toThrow('signature verification failed');
});

test('a key is replaced: the first signs, and the others are still accepted', async () => {
  const store = memoryStore();
  const tenancy = await withTenants(store);
  const next = 'another secret of more than 32 bytes';
  const during = start(store, { key: [new TextEncoder().encode(next), key] });
  const after = start(store, { key: next });
  const grant = (by: Tenancy) => by.impersonation.grant('acme', { user: 'user-7', ...maria });
  expect(await redeem(during, 'acme', await grant(tenancy))).toContain('user-7');
  expect(await redeem(after, 'acme', await grant(during))).toContain('user-7');
  await expect(redeem(after, 'acme', await grant(tenancy))).rejects.toMatchObject(refused);
});

test('a token is refused to nobody, for no user, for a closed or unknown tenant, and where a handler vetoes', async () => {
  const tenancy = await withTenants();
  const { impersonation, tenants, signals } = tenancy;
  const wish = { user: 'user-7', ...maria };
  await expect(impersonation.grant('acme', { user: 'user-7', reason: 'none' })).rejects.toThrow('somebody who acts');
  await expect(impersonation.grant('acme', { ...wish, user: '' })).rejects.toThrow('the user to act as');
  await expect(impersonation.grant('nobody', wish)).rejects.toMatchObject({ code: 'TENANT_UNKNOWN' });
  const token = await impersonation.grant('acme', wish);
  await tenants.suspend('acme');
  await expect(impersonation.grant('acme', wish)).rejects.toMatchObject({ code: 'TENANT_SUSPENDED' });
  await expect(redeem(tenancy, 'acme', token)).rejects.toMatchObject({ code: 'TENANT_SUSPENDED' });
  signals.on('impersonating', () => Promise.reject(new Error('not without consent')));
  await expect(impersonation.grant('birch', wish)).rejects.toMatchObject({ code: 'VETOED' });
});

test('it is off without the option, and options that make no sense are refused', async () => {
  const store = memoryStore();
  const off = createTenancy({ store });
  await expect(off.impersonation.grant('acme', { user: 'user-7', ...maria })).rejects.toThrow('is not set');
  await expect(off.impersonation.redeem('token', () => {})).rejects.toThrow('is not set');
  const wrong = [
    { key: 'short' },
    { key: [] },
    { key: [key, 7] },
    { key, ttlMs: 3_600_000 },
    { key, ttl: 1 },
    'secret',
  ];
  for (const options of wrong) {
    expect(() => start(store, options as never), JSON.stringify(options)).toThrow(/createTenancy\({ impersonation }\)/);
  }
  const { redemptions, ...without } = store;
  expect(() => start(without)).toThrow('keeps which tokens are used');
});

test('the audit has who became whom, and who was refused', async () => {
  const store = memoryStore();
  const tenancy = await withTenants(store);
  const token = await tenancy.impersonation.grant('acme', { user: 'user-7', ...maria });
  await redeem(tenancy, 'acme', token);
  await redeem(tenancy, 'acme', token).catch(() => {});
  const entries = (await store.audit?.page({ tenant: 'acme', order: 'oldest', limit: 100 })) ?? [];
  const kept = entries.filter(({ verb }) => verb === 'impersonate' || verb === 'redeem');
  expect(kept.map(({ verb, outcome, actor, reason }) => `${verb} ${outcome} ${actor} ${reason}`).sort()).toEqual([
    'impersonate began maria ticket 7',
    'impersonate done maria ticket 7',
    'redeem began maria ticket 7',
    'redeem began maria ticket 7',
    'redeem done maria ticket 7',
    'redeem failed maria ticket 7',
  ]);
});
