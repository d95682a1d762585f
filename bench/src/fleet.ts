import { Client, escapeIdentifier } from 'pg';
import type { Round } from './figure.ts';
import { register } from './register.ts';
import type { SiteDatabase } from './site.ts';
import { openTenancy } from './tenancy.ts';
import { answer } from './worker.ts';
import { change, changedList, ddl, hostOf, tenantId } from './workload.ts';

export type FleetCalls = typeof calls;

/** How many tenants of a server are migrated at a time, on both sides. */
const concurrency = 4;

const calls = {
  /** Milliseconds for each new schema tenant, with its record, domain and ten tables; and for the same as one message of SQL. */
  async schemas({ database, tenants }: Asked): Promise<Round> {
    await using raw = await connect(database);
    await raw.client.query(registry);
    await using bench = await openCentral(database);
    return await inTurn(tenants, {
      plain: (n) => raw.client.query(newSchema(`raw_${tenantId(n)}`)),
      tenancy: (n) => bench.tenancy.tenants.create(inputOf(n, 'schema')),
    });
  },

  /** Milliseconds for each new tenant of shared tables, with its record and domain; and for the record and domain alone, as one message of SQL. */
  async rows({ database, tenants }: Asked): Promise<Round> {
    await using raw = await connect(database);
    await raw.client.query(registry);
    await using bench = await openCentral(database);
    // It makes the tables, for all.
    await bench.tenancy.tenants.create(inputOf(tenants + 1, 'row'));
    return await inTurn(tenants, {
      plain: (n) => raw.client.query(`begin; ${newRecord(`raw_${tenantId(n)}`)}; commit`),
      tenancy: (n) => bench.tenancy.tenants.create(inputOf(n, 'row')),
    });
  },

  /** Milliseconds for each new database tenant; and for `create database … template` alone. */
  async databases({ database, tenants }: Asked): Promise<Round> {
    await using raw = await connect(database);
    await using bench = await openCentral(database);
    await bench.tenancy.tenants.create(inputOf(tenants + 1, 'database'));
    const template = escapeIdentifier(`${database.prefix}raw_template`);
    await raw.client.query(`create database ${template}`);
    const url = new URL(database.url);
    url.pathname = `/${database.prefix}raw_template`;
    {
      await using inside = await connect({ ...database, url: url.href });
      await inside.client.query(ddl.flatMap(({ statements }) => statements).join(';'));
    }
    return await inTurn(tenants, {
      plain: (n) =>
        raw.client.query(`create database ${escapeIdentifier(`${database.prefix}raw_${n}`)} template ${template}`),
      tenancy: (n) => bench.tenancy.tenants.create(inputOf(n, 'database')),
    });
  },

  /** Makes schema tenants to migrate. */
  async prepare({ database, tenants }: Asked): Promise<void> {
    await using bench = await openCentral(database);
    for (let n = 1; n <= tenants; n += 1) await bench.tenancy.tenants.create(inputOf(n, 'schema'));
  },

  /** Milliseconds for one change in all tenants: by `migrations.up`, and by raw SQL on as many connections. */
  async change({ database, tenants }: Asked): Promise<Round> {
    const statements = (before: string, work: readonly string[]) => (n: number) =>
      `begin; set local search_path to t_${tenantId(n)}; ${work.join(';')}; ${before}; commit`;
    const apply = statements(`insert into mikro_orm_migrations (name) values ('${change.name}')`, change.statements);
    const undo = statements(`delete from mikro_orm_migrations where name = '${change.name}'`, [
      'alter table tasks drop column priority',
    ]);
    const plain = await onConnections(database, tenants, apply);
    await onConnections(database, tenants, undo);

    await using bench = await openTenancy({ ...database, migrations: changedList }).then(disposable);
    const began = performance.now();
    const report = await bench.orm.migrations.up({ concurrency });
    const tenancy = performance.now() - began;
    if (report.migrated !== tenants) throw new Error(`Not all were migrated: ${JSON.stringify(report)}`);
    await bench.orm.migrations.down({ concurrency });
    return { plain, tenancy };
  },

  /** Milliseconds for finding that nothing is pending, in a process that has just been opened. */
  async nothing({ database, tenants }: Asked): Promise<number> {
    await using bench = await openTenancy(database).then(disposable);
    await bench.orm.migrations.names();
    const began = performance.now();
    const report = await bench.orm.migrations.up();
    if (report.migrated + report.failed.length + report.upToDate > 0)
      throw new Error(`Of ${tenants}: something was pending.`);
    return performance.now() - began;
  },

  /** Registers tenants that have every migration, and makes nothing for them. */
  async registerAll({ database, tenants }: Asked): Promise<void> {
    await using bench = await openTenancy(database).then(disposable);
    await register(bench, database, 'schema', tenants);
    await using raw = await connect(database);
    await bench.tenancy.tenants.create({ id: 'sample' });
    await raw.client.query(
      `update central.tenant set schema_version = (select schema_version from central.tenant where id = 'sample')`,
    );
  },
};

answer(calls);

interface Asked {
  readonly database: SiteDatabase;
  readonly tenants: number;
}

const inputOf = (n: number, isolation: string) => ({ id: tenantId(n), isolation, domains: [hostOf(tenantId(n))] });

/**
 * Milliseconds for each of one kind, and of the other, in turn: what is made first leaves PostgreSQL more to write while the next
 * is made.
 */
async function inTurn(
  count: number,
  work: { readonly plain: (n: number) => Promise<unknown>; readonly tenancy: (n: number) => Promise<unknown> },
): Promise<Round> {
  const taken = { plain: 0, tenancy: 0 };
  for (let n = 1; n <= count; n += 1) {
    for (const kind of n % 2 ? (['plain', 'tenancy'] as const) : (['tenancy', 'plain'] as const)) {
      const began = performance.now();
      await work[kind](n);
      taken[kind] += performance.now() - began;
    }
  }
  return { plain: taken.plain / count, tenancy: taken.tenancy / count };
}

/** Milliseconds for all, shared by the connections. */
async function onConnections(database: SiteDatabase, count: number, sql: (n: number) => string): Promise<number> {
  let next = 1;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      await using raw = await connect(database);
      while (next <= count) await raw.client.query(sql(next++));
    }),
  );
  return performance.now() - began;
}

const registry = `create schema registry;
  create table registry.tenants (id serial primary key, slug text unique, schema_name text, version text);
  create table registry.domains (host text primary key, tenant_id int references registry.tenants)`;

function newRecord(schema: string): string {
  return `with t as (insert into registry.tenants (slug, schema_name, version) values ('${schema}', '${schema}', '5') returning id)
    insert into registry.domains (host, tenant_id) select '${schema}.example.test', id from t`;
}

function newSchema(schema: string): string {
  const log =
    'create table mikro_orm_migrations (id serial primary key, name varchar(255) not null, executed_at timestamptz not null default now())';
  return [
    'begin',
    newRecord(schema),
    `create schema ${schema}`,
    `set local search_path to ${schema}`,
    log,
    ...ddl.flatMap(({ name, statements }) => [
      ...statements,
      `insert into mikro_orm_migrations (name) values ('${name}')`,
    ]),
    'commit',
  ].join(';');
}

async function connect({ url }: Pick<SiteDatabase, 'url'>) {
  const client = new Client({ connectionString: url });
  await client.connect();
  return { client, [Symbol.asyncDispose]: () => client.end() };
}

async function openCentral(database: SiteDatabase) {
  const bench = await openTenancy(database);
  await bench.tenancy.migrateCentral();
  return disposable(bench);
}

const disposable = <B extends Awaited<ReturnType<typeof openTenancy>>>(bench: B) => ({
  ...bench,
  [Symbol.asyncDispose]: () => bench.tenancy.close(),
});
