import { defineEntity, p } from '@mikro-orm/core';
import { Migration } from '@mikro-orm/migrations';
import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy } from '@omnitenant/core';
import { plainDatabase } from '@omnitenant/tooling';
import { Client } from 'pg';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createOrm } from '../src/orm.ts';
import { quickMs } from '../src/session/plain-reads.ts';
import { heard, traced } from './fixtures/heard.ts';
import { runLibrary } from './fixtures/running-library.ts';

const Note = defineEntity({ name: 'Note', properties: { id: p.integer().primary(), text: p.string() } });

class CreateNotes extends Migration {
  override up() {
    this.addSql('create table note (id serial primary key, text text not null)');
  }
}

test('a read that is cut and sent again is told with its tenant, and counted', async () => {
  const database = await plainDatabase();
  onTestFinished(database.drop);
  const orm = await createOrm(
    defineConfig({
      clientUrl: database.url,
      entities: [Note],
      migrations: { migrationsList: [CreateNotes] },
      pool: { max: 2 },
    }),
  );
  const lines: unknown[] = [];
  const write = (fields: object, message: string) => void lines.push([message, fields]);
  await using tenancy = createTenancy({ resources: [orm], log: { info: write, warn: write, error: write } });
  await tenancy.migrateCentral();
  await tenancy.tenants.create({ id: 'acme' });
  const { begun, ended } = traced('omnitenant:orm:resend');
  const read = () => tenancy.run('acme', () => orm.em.fork().find(Note, {}));
  const locking = new Client({ connectionString: database.url });
  onTestFinished(() => locking.end());
  await locking.connect();
  // A form of statement is sent among others' once PostgreSQL has said what is in the schema, and it was quick by itself.
  while (begun.length === 0) {
    for (let n = 0; n < 3; n += 1) await read();
    await locking.query('begin; lock table t_acme.note in access exclusive mode');
    const held = read();
    await until(async () => begun.length > 0 || (await waitsForLock(locking)));
    await locking.query('commit');
    await held;
  }
  expect(begun).toEqual([expect.objectContaining({ tenant: 'acme', schema: 't_acme' })]);
  expect(ended).toEqual(begun);
  expect(orm.stats().servers['default']?.resent).toBe(1);
  expect(lines).toContainEqual(['A read was cut, and is sent again.', { tenant: 'acme', schema: 't_acme' }]);
});

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo()));
}

/** Whether a read waits that has no limit of its own, and so is not cut. */
async function waitsForLock(client: Client): Promise<boolean> {
  const { rows } = await client.query(
    `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
     and position(';set local statement_timeout to ${quickMs};' in query) = 0`,
  );
  return rows.length > 0;
}

test('statements are counted as they are sent', async () => {
  await using database = await plainDatabase();
  await using library = await runLibrary(defineConfig({ clientUrl: database.url }), { acme: { isolation: 'schema' } });
  const { tenancy, orm } = library;
  const sent = () => orm.stats().servers['default']?.statements ?? 0;
  await tenancy.run('acme', () => orm.em.execute('select 1'));
  const before = sent();
  await tenancy.run('acme', async () => {
    for (let n = 0; n < 7; n += 1) await orm.em.execute(`select ${n}`);
  });
  // The change feed may look in between.
  expect(sent() - before).toBeGreaterThanOrEqual(7);
  expect(sent() - before).toBeLessThanOrEqual(9);
});

test('who waits is told apart: for the tenant’s share, and for a connection', async () => {
  await using database = await plainDatabase();
  await using library = await runLibrary(
    defineConfig({ clientUrl: database.url }),
    { busy: { isolation: 'schema' } },
    { connections: { max: 10, maxPerTenant: 1 } },
  );
  const { tenancy, orm } = library;
  const { begun, ended } = traced('omnitenant:orm:wait');
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  const { promise: taken, resolve: take } = Promise.withResolvers<void>();
  const held = tenancy.run('busy', () =>
    orm.em.transactional(async (em) => {
      await em.execute('select 1');
      take();
      await opened;
    }),
  );
  // A connection in use could be the change feed's.
  await taken;
  const late = tenancy.run('busy', () => orm.em.execute('select 1'));
  const share = expect.objectContaining({ for: 'share', server: 'default', database: database.name, tenant: 'busy' });
  await vi.waitFor(() => expect(orm.stats().servers['default']?.heldBack).toBeGreaterThan(0), { timeout: 60_000 });
  expect(begun).toContainEqual(share);
  expect(begun.length).toBeGreaterThan(ended.length);
  open();
  await Promise.all([held, late]);
  await vi.waitFor(() => expect(ended).toHaveLength(begun.length), { timeout: 60_000 });
});

test('migrations and closed pools are told, and how far a run has come', async () => {
  await using database = await plainDatabase();
  await using library = await runLibrary(
    defineConfig({ clientUrl: database.url }),
    {},
    { names: { database: (id) => `${database.name}_${id}` } },
  );
  const { tenancy, orm } = library;
  const closed = heard('omnitenant:orm:pool-closed');
  const { ended } = traced('omnitenant:orm:migrate');
  const seen: unknown[] = [];
  await tenancy.tenants.create({ id: 'late' }, { migrate: false });
  await orm.migrations.up({ onProgress: () => void seen.push(orm.stats().fleet) });
  expect(seen).toEqual([{ total: 1, done: 1, failed: 0 }]);
  expect(orm.stats().fleet).toEqual({ total: 0, done: 0, failed: 0 });
  expect(ended).toContainEqual(
    expect.objectContaining({ tenant: 'late', server: 'default', database: database.name, schema: 't_late' }),
  );
  await tenancy.tenants.create({ id: 'own', isolation: 'database' });
  await tenancy.tenants.remove('own');
  expect(closed).toContainEqual({ server: 'default', database: `${database.name}_own` });
});
