import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineEntity, p } from '@mikro-orm/core';
import { Migration } from '@mikro-orm/migrations';

/** The one entity that the benchmarks read. */
export class User {
  declare id: number;
  declare email: string;
  declare name: string;
  declare createdAt: Date;
}

export const UserSchema = defineEntity({
  class: User,
  tableName: 'users',
  properties: {
    id: p.bigint('number').primary(),
    email: p.string(),
    name: p.string(),
    createdAt: p.datetime(),
  },
});

const folder = join(import.meta.dirname, '..', 'workload');

/** The ten tables of the workload, a file each migration. 0006 is left to benchmarks of migrating. */
export const ddl: readonly { readonly name: string; readonly statements: readonly string[] }[] = readdirSync(folder)
  .filter((name) => /^000[1-5]_.*\.sql$/.test(name))
  .sort()
  .map((file) => ({ name: file.replace('.sql', ''), statements: statementsOf(join(folder, file)) }));

export const migrationsList = ddl.map(({ name, statements }) => ({
  name,
  class: class extends Migration {
    override up(): void {
      for (const statement of statements) this.addSql(statement);
    }
  },
}));

/** How many users each tenant has. */
export const usersPerTenant = 100;

/** Makes users from `first` on, whose names say whose they are. */
export const insertUsers = (of: string, first: number, count: number = usersPerTenant): string =>
  `insert into users (id, email, name, created_at)
   select n, 'user' || n || '@example.test', 'User ' || n || ' of ${of}', now()
   from generate_series(${first}, ${first + count - 1}) n`;

/** What `GET /u` answers for that user. */
export const bodyOf = (of: string, id: number): string =>
  JSON.stringify({ id, email: `user${id}@example.test`, name: `User ${id} of ${of}` });

/** The n-th tenant's id, from 1. */
export const tenantId = (n: number): string => `t${String(n).padStart(4, '0')}`;

export const hostOf = (id: string): string => `${id}.example.test`;

function statementsOf(file: string): string[] {
  return readFileSync(file, 'utf8')
    .split(/;\s*$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');
}
