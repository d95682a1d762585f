import { Migration } from '@mikro-orm/migrations';
import { expect, test, vi } from 'vitest';
import { openSite } from './site.ts';

class CreatePerson extends Migration {
  override up() {
    this.addSql('create table person (id int, email text)');
  }
}

class CountEmails extends Migration {
  override up() {
    this.addSql('alter table person alter email type int using email::int');
  }
}

class ReadEmails extends Migration {
  override async up() {
    const [person] = await this.execute('select email from person');
    throw new Error(`What is ${person?.email}?`);
  }
}

class CheckIds extends Migration {
  override up() {
    this.addSql('alter table person add check (id > 7)');
  }
}

test.each([
  [CountEmails, 'the database refused it with 22P02'],
  [ReadEmails, 'failed in tenant "acme": Error.'],
  [CheckIds, 'is violated by some row'],
])('neither the audit nor an operation keeps the value of a row that a migration failed on: %o', async (last, why) => {
  await using site = await openSite({ config: { migrations: { migrationsList: [CreatePerson, last] } } });
  const { tenancy, orm } = site;
  await tenancy.tenants.create({ id: 'acme' }, { migrate: false });
  await orm.migrations.up({ to: 'CreatePerson' });
  await tenancy.tenants.resume('acme');
  await tenancy.run('acme', () => tenancy.use(orm).execute("insert into person values (1, 'bob@acme.example')"));
  const { body: begun } = await site.ask('POST', '/migrations/up');
  const operation = await vi.waitFor(async () => {
    const { body } = await site.ask('GET', `/operations/${begun.id}`);
    expect(body.status).toBe('failed');
    return body;
  });
  const audit = await site.ask('GET', '/audit.ndjson');
  for (const kept of [operation.result.failed[0].message, audit.body]) expect(kept).toContain(last.name);
  expect(operation.result.failed[0].message).toContain(why);
  expect(JSON.stringify([operation, audit.body])).not.toContain('bob@');
});

class CastEmail extends Migration {
  override up() {
    this.addSql(`select 'bob@acme.example'::int`);
  }
}

test('a tenant that cannot be created has the cause in its operation, by its code, and in the log of the process as a whole', async () => {
  const logged: unknown[] = [];
  await using site = await openSite({
    config: { migrations: { migrationsList: [CastEmail] } },
    admin: { onError: (error) => logged.push(error) },
  });
  const { body: begun } = await site.ask('POST', '/tenants', { body: { id: 'acme' } });
  const { error } = await vi.waitFor(async () => {
    const { body } = await site.ask('GET', `/operations/${begun.id}`);
    expect(body.status).toBe('failed');
    return body;
  });
  expect(error.code).toBe('PROVISION_FAILED');
  expect(error.message).toContain('22P02');
  expect(error.message).not.toContain('bob@');
  expect(logged).toMatchObject([{ code: 'PROVISION_FAILED', tenant: 'acme' }]);
});
