import { Client, escapeIdentifier } from 'pg';
import { inject } from 'vitest';
import { type TestDatabase, testDatabase } from './database.ts';
import { testName } from './name.ts';
import { opened } from './open.ts';

/**
 * An empty database whose URL is that of its owner: a role that is no superuser, and that may create databases and roles.
 * Roles whose names begin with the database's go with it.
 */
export async function plainDatabase(): Promise<TestDatabase & { readonly role: string }> {
  const database = await testDatabase();
  const role = testName('plain');
  await onServer([
    `create role ${escapeIdentifier(role)} login createdb createrole password 'plain'`,
    `alter database ${escapeIdentifier(database.name)} owner to ${escapeIdentifier(role)}`,
  ]);
  const drop = opened(`role "${role}" (call drop())`, async () => {
    await database.drop();
    await onServer([dropRolesOf(database.name), `drop role ${escapeIdentifier(role)}`]);
  });
  const url = new URL(database.url);
  url.username = role;
  url.password = 'plain';
  return { name: database.name, url: url.href, role, drop, [Symbol.asyncDispose]: drop };
}

/** Since PostgreSQL 16 no role can be dropped whose grants of other roles stand, so all grants go first. */
function dropRolesOf(name: string): string {
  return `do $$ declare r record; begin
  for r in select rolname from pg_roles where starts_with(rolname, '${name}_')
  loop execute format('drop owned by %I', r.rolname); end loop;
  for r in select rolname from pg_roles where starts_with(rolname, '${name}_')
  loop execute format('drop role %I', r.rolname); end loop; end $$`;
}

async function onServer(statements: readonly string[]): Promise<void> {
  const client = new Client({ connectionString: inject('postgres').url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}
