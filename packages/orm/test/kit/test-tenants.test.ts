import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { UniqueConstraintViolationException } from '@mikro-orm/core';
import { defineConfig as definePglite } from '@mikro-orm/pglite';
import { createTenancy, fromSubdomain, isTenancyError } from '@omnitenant/core';
import { defineResource } from '@omnitenant/core/extend';
import { plainDatabase } from '@omnitenant/tooling';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createOrm } from '../../src/orm.ts';
import { openTestTenants, type TestTenant, type TestTenantsOptions } from '../../src/testing/kit/test-tenants.ts';
import { AddCountries, Author, Book, Country, CreateLibrary, libraryEntities, Tag } from '../../src/testing/library.ts';
import { startLibrary } from '../fixtures/kit/library-app.ts';

let database: Awaited<ReturnType<typeof plainDatabase>>;
beforeAll(async () => {
  database = await plainDatabase();
});
afterAll(() => database.drop());

function open(options: Partial<TestTenantsOptions> = {}) {
  return openTestTenants({ start: () => startLibrary(database), ...options });
}

async function names({ api }: TestTenant): Promise<unknown> {
  return (await api('/authors')).json();
}
function add({ api }: TestTenant, body: string) {
  return api('/authors', { method: 'POST', body });
}

/** What there is of tenants in the database and beside it. */
async function storage(): Promise<unknown[]> {
  const client = new pg.Client(database.url);
  await client.connect();
  const { rows } = await client.query(
    `select id as name from central.tenant union all select nspname from pg_namespace where starts_with(nspname, 't_')
     union all select datname from pg_database where starts_with(datname, '${database.name}_test')`,
  );
  await client.end();
  return rows;
}

describe.each(['schema', 'database', 'row'])('a test tenant of isolation %s', (isolation) => {
  test('is the same by its EntityManager, in its scope and through its API, and nobody else’s', async () => {
    const library = await startLibrary(database);
    await using tenants = await open({ start: () => library, tenant: { isolation } });
    await using acme = await tenants.open();
    await using bloom = await tenants.open();
    expect(acme.tenant.isolation).toBe(isolation);
    await acme.em.insert(Author, { name: 'by em' });
    await acme.run(() => library.orm.em.insert(Author, { name: 'by run' }));
    await add(acme, 'by api');
    await add(bloom, 'of another');
    expect(await names(acme)).toEqual(['by em', 'by run', 'by api']);
    expect(await acme.em.count(Author)).toBe(3);
    expect(await names(bloom)).toEqual(['of another']);
  });

  test('is removed with its test, or at the end', async () => {
    const tenants = await open({ tenant: { isolation } });
    const acme = await tenants.open();
    await tenants.open();
    const before = (await storage()).length;
    await acme.close();
    expect((await storage()).length).toBeLessThan(before);
    await tenants.close();
    expect(await storage()).toEqual([]);
  });

  test('is rolled back after each test, whichever way was written', async () => {
    const library = await startLibrary(database);
    await using tenants = await open({ start: () => library, tenant: { isolation }, reuse: 'rollback' });
    const first = await tenants.open();
    await first.em.insert(Author, { name: 'by em' });
    await first.run(() => library.orm.em.insert(Author, { name: 'by run' }));
    await add(first, 'by api');
    expect(await names(first)).toEqual(['by em', 'by run', 'by api']);
    await first.close();

    await using second = await tenants.open();
    expect(second.tenant.id).toBe(first.tenant.id);
    expect(await names(second)).toEqual([]);
    expect(await second.em.count(Author)).toBe(0);
  });
});

test('test tenants that are open at once are different ones, with a transaction each', async () => {
  await using tenants = await open({ reuse: 'rollback' });
  for (const round of ['first', 'second']) {
    const all = await Promise.all(Array.from({ length: 3 }, () => tenants.open()));
    expect(new Set(all.map(({ tenant }) => tenant.id)).size).toBe(3);
    await Promise.all(all.map((own, n) => add(own, `${round} ${n}`)));
    expect(await Promise.all(all.map(names))).toEqual([[`${round} 0`], [`${round} 1`], [`${round} 2`]]);
    await Promise.all(all.map((own) => own.close()));
  }
  expect((await storage()).length).toBe(6);
});

test('a request has an identity map of its own, in the test’s transaction too', async () => {
  await using tenants = await open({ reuse: 'rollback' });
  await using acme = await tenants.open();
  acme.em.create(Author, { name: 'not flushed' });
  expect(await names(acme)).toEqual([]);
});

test.each([undefined, 'rollback'] as const)(
  'a route that enters no tenant fails, wherever it is asked from (reuse: %s)',
  async (reuse) => {
    await using tenants = await open(reuse && { reuse });
    await using acme = await tenants.open();
    const answer = await acme.run(() => acme.api('/nobody'));
    expect(await answer.json()).toMatchObject({ code: 'OUTSIDE_SCOPE' });
  },
);

test('a request in a test’s own transaction is not part of it', async () => {
  await using tenants = await open();
  await using acme = await tenants.open();
  await acme.run(() =>
    acme.em.transactional(async (em) => {
      await em.insert(Author, { name: 'not committed' });
      expect(await names(acme)).toEqual([]);
    }),
  );
});

test('an application that listens is asked over a socket, as the tenant’s host', async () => {
  async function start() {
    const { app, ...library } = await startLibrary(database);
    const server = createServer(async (request, response) => {
      const { method = '', url = '', headers } = request;
      const body = method === 'POST' ? { body: await text(request) } : {};
      const answer = await app(new Request(`http://${headers.host}${url}`, { method, ...body }));
      if (url === '/elsewhere')
        response.writeHead(302, { location: 'http://example.invalid/', 'set-cookie': ['a=1', 'b=2'] });
      response.end(await answer.text());
    });
    return { ...library, app: server };
  }
  await using tenants = await open({ start });
  await using acme = await tenants.open();
  await using bloom = await tenants.open();
  await add(acme, 'of acme');
  await add(bloom, 'of bloom');
  expect([await names(acme), await names(bloom)]).toEqual([['of acme'], ['of bloom']]);
  const answer = await acme.api('/elsewhere');
  expect(answer.status).toBe(302);
  expect(answer.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
  await expect(open({ start, reuse: 'rollback' })).rejects.toThrow(
    /Tests cannot be rolled back: requests reach the app over a socket/,
  );
});

test('the host of a tenant is where the application looks for it', async () => {
  const start = () => startLibrary(database, { resolver: fromSubdomain('app.com') });
  await using tenants = await open({ start, host: ({ id }) => `${id}.app.com` });
  await using acme = await tenants.open();
  await add(acme, 'of acme');
  expect(await names(acme)).toEqual(['of acme']);
});

test('a tenant is created from what the test says', async () => {
  await using tenants = await open({ tenant: { name: 'Default', config: { plan: 'free' } } });
  await using acme = await tenants.open({ name: 'Acme', isolation: 'database' });
  expect(acme.tenant).toMatchObject({ name: 'Acme', isolation: 'database', config: { plan: 'free' } });
});

test('a tenant serves again only where the same is asked for', async () => {
  await using tenants = await open({ reuse: 'reset' });
  const plain = await tenants.open();
  await plain.close();
  const named = await tenants.open({ name: 'Acme' });
  await named.close();
  await using again = await tenants.open({ name: 'Acme' });
  expect([named.tenant.name, again.tenant.id]).toEqual(['Acme', named.tenant.id]);
});

test('a test may remove its tenant', async () => {
  const library = await startLibrary(database);
  await using tenants = await open({ start: () => library });
  await using acme = await tenants.open();
  await library.tenancy.tenants.remove(acme.tenant.id);
});

test('a tenant that a test has changed is not another’s after a rollback', async () => {
  const library = await startLibrary(database);
  await using tenants = await open({ start: () => library, reuse: 'rollback' });
  const first = await tenants.open();
  await library.tenancy.tenants.suspend(first.tenant.id);
  await first.close();
  await using second = await tenants.open();
  expect(second.tenant.id).not.toBe(first.tenant.id);
  expect(await names(second)).toEqual([]);
});

test('what a test has broken in its transaction, it sees, and the next one does not', async () => {
  await using tenants = await open({ reuse: 'rollback' });
  const first = await tenants.open();
  await first.em.insert(Country, { code: 'nl', name: 'Nederland' });
  await expect(first.em.insert(Country, { code: 'nl', name: 'again' })).rejects.toThrow(
    UniqueConstraintViolationException,
  );
  await expect(first.em.count(Country)).rejects.toThrow(/current transaction is aborted/);
  await first.close();
  await using second = await tenants.open();
  expect(await second.em.count(Country)).toBe(0);
});

test('a tenant on PGlite is reset as well', async () => {
  async function start() {
    const migrations = { migrationsList: [CreateLibrary, AddCountries] };
    const orm = await createOrm(definePglite({ dbName: 'memory://', entities: libraryEntities, migrations }), {
      shared: [Country],
    });
    return { orm, tenancy: createTenancy({ resources: [orm] }) };
  }
  await using tenants = await open({ start, reuse: 'reset' });
  const first = await tenants.open();
  await first.em.insert(Author, { name: 'written' });
  await first.close();
  await using second = await tenants.open();
  expect(second.tenant.id).toBe(first.tenant.id);
  expect(await second.em.count(Author)).toBe(0);
});

test('PGlite’s one connection is not taken for a transaction', async () => {
  let closed = false;
  async function start() {
    const orm = await createOrm(definePglite({ dbName: 'memory://', entities: [] }));
    const tenancy = createTenancy({
      resources: [
        orm,
        defineResource({
          name: 'witness',
          open: () => 1,
          end: async () => {
            closed = true;
          },
        }),
      ],
    });
    return { tenancy, orm };
  }
  const refused = await open({ start, reuse: 'rollback' }).catch((error) => error);
  expect(isTenancyError(refused) && refused.code).toBe('CONFIG_INVALID');
  expect(closed).toBe(true);
});

test('an API that is not there is said to be missing', async () => {
  await using tenants = await open({
    start: async () => {
      const { tenancy, orm } = await startLibrary(database);
      return { tenancy, orm };
    },
  });
  await using acme = await tenants.open();
  await expect(acme.api('/authors')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});

describe.each(['schema', 'database', 'row'])('a reset tenant of isolation %s', (isolation) => {
  test('has what a new one has, whoever wrote to it', async () => {
    await using tenants = await open({ tenant: { isolation }, reuse: 'reset' });
    const first = await tenants.open();
    await add(first, 'committed');
    const ids = await first.em.insertMany(Author, [{ name: 'a' }, { name: 'b' }]);
    const [author] = await first.em.find(Author, { id: ids[0] as number });
    first.em.create(Book, { title: 'of b', author: author as Author, tags: [first.em.create(Tag, { name: 't' })] });
    await first.em.flush();
    await first.close();

    await using second = await tenants.open();
    expect(second.tenant.id).toBe(first.tenant.id);
    expect(await names(second)).toEqual([]);
    expect(await second.em.count(Tag)).toBe(0);
    // Tenants that share a table share what it counts with.
    if (isolation !== 'row') expect(await second.em.insert(Author, { name: 'first' })).toBe(1);
  });
});

test('tenants that share tables are reset beside one another', async () => {
  await using tenants = await open({ tenant: { isolation: 'row' }, reuse: 'reset' });
  const first = await tenants.open();
  await using beside = await tenants.open();
  await add(beside, 'stays');
  await first.close();
  await using second = await tenants.open();
  for (const name of ['a', 'b', 'c']) await add(second, name);
  expect([await names(second), await names(beside)]).toEqual([['a', 'b', 'c'], ['stays']]);
});

describe('a tenant that serves again', () => {
  async function replaced(by: (own: TestTenant) => Promise<unknown>): Promise<boolean> {
    await using tenants = await open({ start: () => startLibrary(database, { seeds: true }), reuse: 'reset' });
    const first = await tenants.open();
    await by(first);
    await first.close();
    await using second = await tenants.open();
    expect(await second.em.find(Country, {})).toMatchObject([{ code: 'nl', name: 'Nederland' }]);
    return second.tenant.id !== first.tenant.id;
  }
  test('is reset where it has a role of its own', async () => {
    await using tenants = await open({ start: () => startLibrary(database, { roles: true }), reuse: 'reset' });
    const first = await tenants.open();
    await add(first, 'written');
    await first.close();
    await using second = await tenants.open();
    expect(second.tenant.id).toBe(first.tenant.id);
    expect(await names(second)).toEqual([]);
  });

  const execute = (sql: string) => (own: TestTenant) => own.em.execute(sql);

  test.each([
    ['a row that its migrations wrote is changed', execute(`update country set name = 'changed'`)],
    ['a row that its migrations wrote is deleted', execute('delete from country')],
    ['a row is added to theirs', execute(`insert into country values ('be', 'Belgium')`)],
    ['a column is added', execute('alter table author add column email text')],
    ['a table is added', execute('create table another (id int)')],
    ['a table is dropped', execute('drop table book_tags')],
    [
      'rows cannot be deleted',
      execute(`create rule keep as on delete to tag do instead nothing; insert into tag (name) values ('t')`),
    ],
  ])('is a new one where %s', async (_, by) => {
    expect(await replaced(by)).toBe(true);
  });

  test('is reset where the same rows are there again', async () => {
    expect(await replaced(execute(`update country set name = 'changed'; update country set name = 'Nederland'`))).toBe(
      false,
    );
  });
});
