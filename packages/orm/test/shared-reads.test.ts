import { defineEntity, p } from '@mikro-orm/core';
import { Migration } from '@mikro-orm/migrations';
import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy } from '@omnitenant/core';
import { plainDatabase } from '@omnitenant/tooling';
import { Client } from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { createOrm } from '../src/orm.ts';
import { quickMs } from '../src/session/plain-reads.ts';

const Note = defineEntity({ name: 'Note', properties: { id: p.integer().primary(), text: p.string() } });

class CreateNotes extends Migration {
  override up() {
    this.addSql('create table note (id serial primary key, text text not null)');
  }
}

test('generated reads of tables share connections, and stop as soon as the schema holds anything that runs', async () => {
  const database = await plainDatabase();
  onTestFinished(database.drop);
  const admin = new Client({ connectionString: database.url });
  await admin.connect();
  onTestFinished(() => admin.end());
  const orm = await createOrm(
    defineConfig({
      clientUrl: database.url,
      entities: [Note],
      migrations: { migrationsList: [CreateNotes] },
      pool: { max: 2 },
    }),
  );
  const tenancy = createTenancy({ resources: [orm] });
  onTestFinished(() => tenancy.close());
  await tenancy.migrateCentral();
  for (const id of ['a', 'b']) {
    await tenancy.tenants.create({ id });
    await tenancy.run(id, () => orm.em.insert(Note, { text: `of ${id}` }));
  }

  let below = 1_000;
  /** Reads with a value that no other statement has. */
  function read(tenant: string) {
    below += 1;
    return tenancy.run(tenant, () => orm.em.fork().find(Note, { id: { $lt: below } }));
  }
  async function lastIsShared() {
    const { rows } = await admin.query(
      `select starts_with(query, 'set local statement_timeout to ${quickMs};') as shared from pg_stat_activity
       where datname = current_database() and query like '%< ${below}%' and pid <> pg_backend_pid()`,
    );
    return rows.some(({ shared }) => shared);
  }

  // PostgreSQL is asked what is in the schema, and the read has to have been quick once.
  for (const tenant of ['a', 'b']) {
    do await read(tenant);
    while (!(await lastIsShared()));
  }
  const tenants = Array.from({ length: 40 }, (_, n) => (n % 3 ? 'a' : 'b'));
  const found = await Promise.all(tenants.map(read));
  expect(found.map(([note]) => note?.text)).toEqual(tenants.map((tenant) => `of ${tenant}`));

  await tenancy.run('a', () => orm.em.execute('create function look() returns int language sql return 1'));
  for (let n = 0; n < 5; n += 1) {
    expect(await read('a')).toHaveLength(1);
    expect(await lastIsShared()).toBe(false);
  }
});
