import { Migration } from '@mikro-orm/migrations';
import { testProxy } from '@omnitenant/tooling';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { AdminArchives } from '../src/index.ts';
import { archivesInMemory } from './fixtures/archives.ts';
import { openSite, type Site } from './site.ts';

class CreatePerson extends Migration {
  override up() {
    this.addSql('create table person (email text)');
  }
}

const memory = archivesInMemory();
let write: AdminArchives['write'] = memory.write;
let site: Site;
beforeAll(async () => {
  const archives: AdminArchives = { ...memory, write: (name, bytes) => write(name, bytes) };
  const config = { migrations: { migrationsList: [CreatePerson] } };
  site = await openSite({ config, admin: { archives, onError: () => {} } });
  for (const id of ['acme', 'bloom']) await addTenant(id);
});
afterAll(() => site[Symbol.asyncDispose]());

async function addTenant(id: string): Promise<void> {
  await site.tenancy.tenants.create({ id, domains: [`${id}.example`] });
  await sql(id, `insert into person values ('someone@${id}.example')`);
}

const sql = (id: string, statement: string) =>
  site.tenancy.run(id, () => site.tenancy.use(site.orm).execute<object[]>(statement));
const people = (id: string) => sql(id, 'select email from person');

/** Begins an operation, and gives it as it ended. */
async function done(path: string, body: object = {}, as = 'root') {
  const { body: begun } = await site.ask('POST', path, { body, as });
  return vi.waitFor(
    async () => {
      const { body: operation } = await site.ask('GET', `/operations/${begun.id}`);
      expect(['succeeded', 'failed']).toContain(operation.status);
      return operation;
    },
    { timeout: 60_000 },
  );
}

test('a tenant is exported where the application says, and its operator gets a name and no bytes', async () => {
  const exported = await done('/tenants/acme/export', { reason: 'ticket 7' }, 'clerk');
  expect(exported).toMatchObject({ status: 'succeeded', verb: 'export', tenant: 'acme' });
  expect(Object.keys(exported.result)).toEqual(['archive']);
  expect(memory.kept.get(exported.result.archive)?.size).toBeGreaterThan(100);
  expect(JSON.stringify(exported)).not.toContain('someone@');
  const reader = await site.ask('POST', '/tenants/acme/export', { as: 'reader' });
  expect(reader.body.code).toBe('PERMISSION_MISSING');
});

test('an archive becomes a tenant with the rows of that one alone, for who may destroy and confirms its id', async () => {
  const { result } = await done('/tenants/acme/export');
  const body = { id: 'acme-2', archive: result.archive, confirm: 'acme-2', reason: 'restored' };
  expect((await site.ask('POST', '/imports', { body, as: 'clerk' })).body.code).toBe('PERMISSION_MISSING');
  const mistyped = await site.ask('POST', '/imports', { body: { ...body, confirm: 'acme' } });
  expect(mistyped.body.code).toBe('NOT_CONFIRMED');
  expect(await done('/imports', body)).toMatchObject({ status: 'succeeded', verb: 'import', tenant: 'acme-2' });
  expect(await people('acme-2')).toEqual([{ email: 'someone@acme.example' }]);
  expect((await site.ask('GET', '/tenants/acme-2')).body.domains).toEqual([]);
  expect(await done('/imports', { ...body, archive: 'nothing' })).toMatchObject({ status: 'failed' });
});

test.each(['../acme', '/etc/passwd', '.hidden', 'a/b', ''])('%j names no archive', async (archive) => {
  const answer = await site.ask('POST', '/imports', { body: { id: 'x', archive, confirm: 'x' } });
  expect([answer.status, answer.body.issues?.[0].path]).toEqual([422, 'body.archive']);
});

test.each<[string, AdminArchives['write'], string]>([
  ['fails', () => Promise.reject(new Error('disk full at postgres://u:hunter2@db')), 'INTERNAL'],
  ['reads nothing', async () => {}, 'EXPORT_FAILED'],
  ['reads a part', async (_, bytes) => void (await bytes.getReader().read()), 'EXPORT_FAILED'],
])('an export whose writing %s has failed, and the tenant is not held', async (_, broken, code) => {
  write = broken;
  const exported = await done('/tenants/bloom/export').finally(() => {
    write = memory.write;
  });
  expect(exported).toMatchObject({ status: 'failed', error: { code } });
  expect(JSON.stringify(exported)).not.toContain('hunter2');
  expect(await done('/tenants/bloom/migrate')).toMatchObject({ status: 'succeeded' });
});

test('a tenant is restored in place from an archive, and what it had is another one', async () => {
  const before = await people('bloom');
  const { result: first } = await done('/tenants/bloom/export');
  await site.tenancy.run('bloom', () => site.orm.em.execute(`update person set email = 'since@bloom.example'`));
  const restore = (archive: string) => done('/tenants/bloom/restore', { archive, confirm: 'bloom' });
  const { result, status } = await restore(first.archive);
  expect(status).toBe('succeeded');
  expect(await people('bloom')).toEqual(before);
  expect(await restore(result.archive)).toMatchObject({ status: 'succeeded' });
  expect(await people('bloom')).toEqual([{ email: 'since@bloom.example' }]);
  expect((await site.orm.store.find('bloom'))?.status).toBe('active');
});

test('a restoration that fails names the archive of what the tenant had, and one that cannot write it changes nothing', async () => {
  const before = await people('bloom');
  const { result: good } = await done('/tenants/bloom/export');
  await sql('bloom', 'alter table person add column born int');
  const { result: other } = await done('/tenants/bloom/export');
  await sql('bloom', 'alter table person drop column born');
  const restore = (archive: string) => done('/tenants/bloom/restore', { archive, confirm: 'bloom' });
  write = () => Promise.reject(new Error('disk full'));
  expect(await restore(good.archive)).toMatchObject({ status: 'failed' });
  write = memory.write;
  expect(await people('bloom')).toEqual(before);
  const { status, error } = await restore(other.archive);
  expect([status, error.code]).toEqual(['failed', 'PROVISION_FAILED']);
  const [, kept = ''] = /is in the archive "([^"]+)"/.exec(error.message) ?? [];
  expect(await restore(kept)).toMatchObject({ status: 'succeeded', result: { archive: null } });
  await site.ask('POST', '/tenants/bloom/resume', { body: {} });
  expect(await people('bloom')).toEqual(before);
});

test('a tenant is erased once its archive is kept, and not where that fails', async () => {
  await site.tenancy.tenants.create({ id: 'cobalt' });
  const erase = () => done('/tenants/cobalt/erase', { confirm: 'cobalt' });
  write = () => Promise.reject(new Error('disk full'));
  expect(await erase()).toMatchObject({ status: 'failed' });
  write = memory.write;
  expect((await site.orm.store.find('cobalt'))?.status).toBe('suspended');
  const { result, status } = await erase();
  expect(status).toBe('succeeded');
  expect(result).toMatchObject({
    tenant: 'cobalt',
    archive: expect.stringMatching(/^cobalt\./),
    erasedAt: expect.any(String),
  });
  expect(result.digest).toMatchObject({ sha256: expect.any(String), bytes: memory.kept.get(result.archive)?.size });
  expect(await site.orm.store.find('cobalt')).toBeUndefined();
});

test('a tenant is moved with its rows, and its operation says how far it is', async () => {
  await addTenant('drift');
  const moved = await done(
    '/tenants/drift/move',
    { isolation: 'database', online: 'never', reason: 'large by now' },
    'clerk',
  );
  expect(moved).toMatchObject({ status: 'succeeded', verb: 'move', progress: { done: 4, total: 5, failed: 0 } });
  expect((await site.ask('GET', '/tenants/drift')).body.isolation).toBe('database');
  expect(await people('drift')).toEqual([{ email: 'someone@drift.example' }]);
  expect(await people('acme')).toEqual([{ email: 'someone@acme.example' }]);
  expect(await done('/tenants/drift/undo-move')).toMatchObject({ status: 'succeeded', verb: 'undo-move' });
  expect(await people('drift')).toHaveLength(1);
  await site.tenancy.tenants.remove('drift');
});

test('a move whose server is gone is given up by who may destroy', async () => {
  await using proxy = await testProxy(site.url);
  const eu = { clientUrl: proxy.url };
  await using other = await openSite({ orm: { servers: { eu } }, admin: { onError: () => {} } });
  await other.tenancy.tenants.create({ id: 'ebony' });
  const onProgress = ({ step }: { readonly step: string }) => void (step === 'create' && proxy.cut());
  const target = { isolation: 'database', placement: { server: 'eu' } };
  const moved = other.tenancy.tenants.move('ebony', target, { onProgress, online: 'never' });
  await expect(moved).rejects.toMatchObject({ code: 'MOVE_FAILED' });
  const ended = async (path: string, body: object) => {
    const { body: begun } = await other.ask('POST', `/tenants/ebony/${path}`, { body });
    return vi.waitFor(async () => {
      const { body: operation } = await other.ask('GET', `/operations/${begun.id}`);
      expect(['succeeded', 'failed']).toContain(operation.status);
      return operation;
    }, 60_000);
  };
  expect(await ended('undo-move', {})).toMatchObject({ status: 'failed', error: { code: 'MOVE_FAILED' } });
  const asClerk = await other.ask('POST', '/tenants/ebony/give-up-move', { body: { confirm: 'ebony' }, as: 'clerk' });
  expect(asClerk.body.code).toBe('PERMISSION_MISSING');
  const mistyped = await other.ask('POST', '/tenants/ebony/give-up-move', { body: { confirm: 'x' } });
  expect(mistyped.body.code).toBe('NOT_CONFIRMED');
  expect(await ended('give-up-move', { confirm: 'ebony' })).toMatchObject({ status: 'succeeded', verb: 'undo-move' });
  expect((await other.ask('GET', '/tenants/ebony')).body).toMatchObject({ status: 'active', isolation: 'schema' });
});

test('existing storage becomes a tenant only for who may destroy, as its customers will see what is in it', async () => {
  await site.tenancy.central(() => site.tenancy.use(site.orm).execute('create schema payroll'));
  const body = { id: 'adopted', placement: { schema: 'payroll' }, at: '0', confirm: 'adopted' };
  const refused = await site.ask('POST', '/adoptions', { body, as: 'clerk' });
  expect([refused.status, refused.body.code]).toEqual([403, 'PERMISSION_MISSING']);
  expect((await site.ask('POST', '/adoptions', { body: { ...body, confirm: 'x' } })).body.code).toBe('NOT_CONFIRMED');
  expect(await site.orm.store.find('adopted')).toBeUndefined();
});
