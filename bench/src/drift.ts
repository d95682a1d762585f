// How long `migrations.verify` takes over a server: node --conditions=@omnitenant/source src/drift.ts 10000
// It makes so many schemas of four tables in a database of its own, tampers with one, and drops all of it. DATABASE_URL is of a role that may
// create databases (default: postgres://postgres@127.0.0.1:5432/postgres).
import { strict as assert } from 'node:assert';
import { cpus, loadavg } from 'node:os';
import { Migration } from '@mikro-orm/migrations';
import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy } from '@omnitenant/core';
import { createOrm } from '@omnitenant/orm';
import { Client, escapeIdentifier } from 'pg';

const tenants = Number(process.argv[2] ?? 10_000);
const server = new URL(process.env.DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres');
const database = `omnitenant_drift_${process.pid}`;

class CreateTables extends Migration {
  override up(): void {
    for (const name of ['author', 'book', 'loan', 'member']) {
      this.addSql(`create table ${name} (id serial primary key, name text not null, since timestamptz default now())`);
      this.addSql(`create index ${name}_name on ${name} (name)`);
    }
  }
}

const admin = new Client(server.href);
await admin.connect();
await admin.query(`create database ${escapeIdentifier(database)}`);
try {
  await measure();
} finally {
  await admin.query(`drop database ${escapeIdentifier(database)} with (force)`);
  await admin.end();
}

async function measure(): Promise<void> {
  const clientUrl = Object.assign(new URL(server), { pathname: `/${database}` }).href;
  const orm = await createOrm(
    defineConfig({ clientUrl, entities: [], migrations: { migrationsList: [CreateTables] } }),
  );
  const tenancy = createTenancy({ resources: [orm] });
  await tenancy.migrateCentral();
  let next = 0;
  async function create(): Promise<void> {
    while (next < tenants) {
      next += 1;
      await tenancy.tenants.create({ id: `t${next}` });
    }
  }
  await Promise.all(Array.from({ length: 4 }, create));
  await orm.migrations.verify();
  await tenancy.run('t1', () => orm.em.execute('drop index book_name'));
  const times: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    const began = performance.now();
    const { well, groups } = await orm.migrations.verify();
    times.push((performance.now() - began) / 1_000);
    assert.equal(well, tenants - 1);
    assert.deepEqual(groups[0]?.tenants, ['t1']);
  }
  const shown = times.map((time) => `${time.toFixed(2)} s`).join(', ');
  console.log(`${tenants} schemas: ${shown}; load ${loadavg()[0]?.toFixed(1)} on ${cpus().length} processors`);
  await tenancy.close();
}
