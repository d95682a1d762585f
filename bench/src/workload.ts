import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineEntity, type EntityManager, p } from '@mikro-orm/core';
import { Migration } from '@mikro-orm/migrations';

/** The entity that the request path reads. */
export class User {
  declare id: number;
  declare email: string;
  declare name: string;
  declare createdAt: Date;
}

const UserSchema = defineEntity({
  class: User,
  tableName: 'users',
  properties: {
    id: p.bigint('number').primary(),
    email: p.string(),
    name: p.string(),
    createdAt: p.datetime(),
  },
});

const Project = defineEntity({
  name: 'Project',
  tableName: 'projects',
  properties: {
    id: p.bigint('number').primary(),
    owner: () => p.manyToOne(UserSchema),
    name: p.string(),
    createdAt: p.datetime(),
  },
});

const Task = defineEntity({
  name: 'Task',
  tableName: 'tasks',
  properties: {
    id: p.bigint('number').primary(),
    project: () => p.manyToOne(Project),
    assignee: () => p.manyToOne(UserSchema).nullable(),
    title: p.string(),
    status: p.string(),
    createdAt: p.datetime(),
  },
});

const Tag = defineEntity({
  name: 'Tag',
  tableName: 'tags',
  properties: { id: p.bigint('number').primary(), name: p.string() },
});

const Setting = defineEntity({
  name: 'Setting',
  tableName: 'settings',
  properties: { id: p.bigint('number').primary(), key: p.string(), value: p.json() },
});

const Invoice = defineEntity({
  name: 'Invoice',
  tableName: 'invoices',
  properties: {
    id: p.bigint('number').primary(),
    project: () => p.manyToOne(Project),
    number: p.string(),
    total: p.decimal('number'),
  },
});

/** What the application reads besides: no application has one entity, and V8 makes one that has faster than any is. */
const others = [Project, Task, Tag, Setting, Invoice] as const;

export const entities = [UserSchema, ...others];

/** Reads every entity until V8 has seen them all, as an application that has been up for a while has. */
export async function readAll(em: Pick<EntityManager, 'findOneOrFail'>, id: number): Promise<void> {
  for (const entity of others) await em.findOneOrFail(entity as typeof Tag, id);
}

const folder = join(import.meta.dirname, '..', 'workload');

const files = readdirSync(folder)
  .filter((name) => /^000[1-6]_.*\.sql$/.test(name))
  .sort()
  .map((file) => ({ name: file.replace('.sql', ''), statements: statementsOf(join(folder, file)) }));

/** The ten tables of the workload, a file each migration. */
export const ddl: readonly { readonly name: string; readonly statements: readonly string[] }[] = files.slice(0, 5);

/** What is changed later on: a column, and an index on it. */
export const change = files[5] as (typeof ddl)[number];

const migrationOf = ({ name, statements }: (typeof ddl)[number]) => ({
  name,
  class: class extends Migration {
    override up(): void {
      for (const statement of statements) this.addSql(statement);
    }
    override down(): void {
      this.addSql('alter table tasks drop column priority');
    }
  },
});

export const migrationsList = ddl.map(migrationOf);

/** The same, and the change. */
export const changedList = files.map(migrationOf);

/** How many users each tenant has. */
export const usersPerTenant = 100;

/** Makes users from `first` on, whose names say whose they are, and one row of what they have. */
export const insertUsers = (of: string, first: number, count: number = usersPerTenant): string =>
  `insert into users (id, email, name, created_at)
   select n, 'user' || n || '@example.test', 'User ' || n || ' of ${of}', now()
   from generate_series(${first}, ${first + count - 1}) n;
   insert into projects (id, owner_id, name, created_at) values (${first}, ${first}, 'Project of ${of}', now());
   insert into tasks (id, project_id, assignee_id, title, status, created_at)
   values (${first}, ${first}, ${first}, 'Task of ${of}', 'open', now());
   insert into tags (id, name) values (${first}, 'tag of ${of}');
   insert into settings (id, key, value) values (${first}, 'key of ${of}', '{"on": true}');
   insert into invoices (id, project_id, number, total, issued_on) values (${first}, ${first}, 'N-${of}', 12.5, now())`;

/** What `GET /u` answers for that user. */
export const bodyOf = (of: string, id: number): string =>
  JSON.stringify({ id, email: `user${id}@example.test`, name: `User ${id} of ${of}` });

/** The n-th tenant's id, from 1. */
export const tenantId = (n: number): string => `t${String(n).padStart(4, '0')}`;

export const hostOf = (id: string): string => `${id}.example.test`;

/** The id of a host's tenant. */
export const idOf = (host: string): string => host.split('.')[0] as string;

function statementsOf(file: string): string[] {
  return readFileSync(file, 'utf8')
    .split(/;\s*$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');
}
