import { defineEntity, p } from '@mikro-orm/core';
import { Migration } from '@mikro-orm/migrations';
import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy, type TenantResource } from '@omnitenant/core';
import { resource } from '@omnitenant/core/extend';
import { plainDatabase } from '@omnitenant/tooling';
import { expect, onTestFinished, test } from 'vitest';
import { createOrm } from '../src/orm.ts';

const Note = defineEntity({ name: 'Note', properties: { id: p.integer().primary(), text: p.string() } });

class CreateNotes extends Migration {
  override up() {
    this.addSql('create table note (id serial primary key, text text not null)');
  }
}

/** An application on one connection to each database, whose shared tables are there. */
async function opened(further: readonly TenantResource[] = []) {
  const database = await plainDatabase();
  onTestFinished(database.drop);
  const orm = await createOrm(
    defineConfig({
      clientUrl: database.url,
      entities: [Note],
      migrations: { migrationsList: [CreateNotes] },
      pool: { max: 1 },
    }),
    { isolation: 'row' },
  );
  const tenancy = createTenancy({ resources: [orm, ...further] });
  onTestFinished(() => tenancy.close());
  await tenancy.migrateCentral();
  await tenancy.tenants.create({ id: 'first' });
  return { orm, tenancy };
}

test('a tenant of shared tables is created by fifteen statements, each of which is needed', async () => {
  const { orm, tenancy } = await opened();
  const sent = () => orm.stats().servers['default']?.statements ?? 0;
  const before = sent();
  await tenancy.tenants.create({ id: 'acme', domains: ['acme.example.com'] });
  // The audit's two; the lease's two; one for the key; the record's, with its domain, its change and its commit, four; one for the tables and the
  // version; and five that make it active, under its lease.
  expect(sent() - before).toBe(15);
  await tenancy.run('acme', () => orm.em.insert(Note, { text: 'of acme' }));
  expect(await tenancy.run('first', () => orm.em.find(Note, {}))).toEqual([]);
});

test('what looks at shared tables leaves neither their owner nor what it found on the connection', async () => {
  const { orm, tenancy } = await opened();
  for (const id of ['acme', 'globex']) {
    await tenancy.tenants.create({ id });
    // There is one connection, and nothing is between what created the tenant and this.
    const [found] = await tenancy.central(() =>
      orm.em.execute<object[]>(
        `select current_user = session_user as own, coalesce(current_setting('omnitenant.state', true), '') as state`,
      ),
    );
    expect(found).toEqual({ own: true, state: '' });
  }
});

test('the key of a tenant that was removed is not given to its successors', async () => {
  const { orm, tenancy } = await opened();
  for (const key of ['acme', 'acme~2', 'acme~3']) {
    const { placement } = await tenancy.tenants.create({ id: 'acme' });
    expect(placement['key']).toBe(key);
    await tenancy.run('acme', () => orm.em.insert(Note, { text: key }));
    expect(await tenancy.run('acme', () => orm.em.find(Note, {}))).toMatchObject([{ text: key }]);
    await tenancy.tenants.remove('acme');
  }
});

test('a tenant that failed and is repaired writes rows under its key, and so does one that is reset', async () => {
  let fails = false;
  const asked = async () => {
    if (fails) throw new Error('the search server is down');
  };
  const search: TenantResource = {
    [resource]: { name: 'search', open: () => ({}), create: async () => {}, destroy: asked },
  };
  const audit: TenantResource = { [resource]: { name: 'audit', open: () => ({}), create: asked } };
  const { orm, tenancy } = await opened([search, audit]);
  fails = true;
  await expect(tenancy.tenants.create({ id: 'acme' })).rejects.toMatchObject({ code: 'PROVISION_FAILED' });
  fails = false;
  const { placement } = await tenancy.tenants.repair('acme');
  expect(placement['key']).toBe('acme');
  await tenancy.run('acme', () => orm.em.insert(Note, { text: 'of acme' }));
  await tenancy.tenants.reset('acme');
  await tenancy.run('acme', () => orm.em.insert(Note, { text: 'afterwards' }));
  expect(await tenancy.run('acme', () => orm.em.find(Note, {}))).toMatchObject([{ text: 'afterwards' }]);
});
