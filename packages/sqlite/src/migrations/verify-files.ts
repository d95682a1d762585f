import type { Tenant } from '@omnitenant/core';
import type { VerifyOptions, VerifyProblem, VerifyReport } from '@omnitenant/orm';
import type { Ledger } from '@omnitenant/orm/extend';
import { templateBytes } from '../files/template.ts';
import type { NativeDatabase } from '../handles/native.ts';
import type { TenantFile } from '../handles/tenant-file.ts';

/** What the tenants' files are compared with. */
export interface VerifiedFiles {
  readonly ledger: Ledger;
  readonly appliedTo: (tenant: Tenant) => Promise<readonly string[]>;
  readonly fileOf: (tenant: Tenant) => TenantFile;
  readonly openAt: (path: string) => NativeDatabase;
  /** Makes a file with these migrations. */
  readonly expected: (applied: readonly string[], path: string) => Promise<void>;
  readonly names: readonly string[];
}

interface Found {
  readonly problem: VerifyProblem;
  readonly message: string;
  readonly differences: readonly string[];
}

type Schema = ReadonlyMap<string, string>;

const schemaQuery =
  "select type, name, sql from sqlite_schema where sql is not null and name not like 'sqlite\\_%' escape '\\'";

/** Compares the tables, indexes, views and triggers of each tenant's file with what its migrations make, and has SQLite check its pages. */
export async function verifyFiles(files: VerifiedFiles, { tenants }: VerifyOptions): Promise<VerifyReport> {
  const expected = new Map<string, Promise<Schema>>();
  const groups = new Map<string, Found & { readonly tenants: string[] }>();
  let well = 0;

  function schemaFor(applied: readonly string[]): Promise<Schema> {
    const key = JSON.stringify(applied);
    const known = expected.get(key) ?? expectedSchema(files, applied);
    expected.set(key, known);
    return known;
  }

  for await (const { tenant } of files.ledger.tenants({ tenants })) {
    const found = await examine(files, tenant, schemaFor);
    if (found === undefined) {
      well += 1;
      continue;
    }
    const key = JSON.stringify(found);
    const group = groups.get(key) ?? { ...found, tenants: [] };
    groups.set(key, group);
    group.tenants.push(tenant.id);
  }
  return { well, groups: [...groups.values()].map((group) => ({ ...group, fixed: false })) };
}

async function examine(
  { appliedTo, fileOf, names }: VerifiedFiles,
  tenant: Tenant,
  schemaFor: (applied: readonly string[]) => Promise<Schema>,
): Promise<Found | undefined> {
  try {
    const applied = await appliedTo(tenant);
    const unknown = applied.filter((name) => !names.includes(name));
    if (unknown.length > 0) {
      const message = `The log has migrations that this code does not have: ${unknown.join(', ')}. Use the code that has them.`;
      return { problem: 'unknown', message, differences: [] };
    }
    const { rows } = await fileOf(tenant).execute('pragma quick_check(1)');
    const [check] = rows as { quick_check: string }[];
    if (check?.quick_check !== 'ok') return damaged(String(check?.quick_check));
    const actual = schemaOf((await fileOf(tenant).execute(schemaQuery)).rows as SchemaRow[]);
    const differences = differencesOf(actual, await schemaFor(applied));
    if (differences.length === 0) return undefined;
    return { problem: 'differs', message: 'The tables are not what the migrations make.', differences };
  } catch (error) {
    const { message, code } = error as { message: string; code?: string };
    return code === 'TENANT_OUTDATED' ? gone() : damaged(message);
  }
}

async function expectedSchema({ expected, openAt }: VerifiedFiles, applied: readonly string[]): Promise<Schema> {
  let schema: Schema = new Map();
  await templateBytes(async (path) => {
    await expected(applied, path);
    const database = openAt(path);
    try {
      schema = schemaOf(database.prepare(schemaQuery).all() as SchemaRow[]);
    } finally {
      database.close();
    }
  });
  return schema;
}

interface SchemaRow {
  readonly type: string;
  readonly name: string;
  readonly sql: string;
}

function schemaOf(rows: readonly SchemaRow[]): Schema {
  return new Map(rows.map(({ type, name, sql }) => [`${type} "${name}"`, sql.replaceAll(/\s+/g, ' ').trim()]));
}

function differencesOf(actual: Schema, expected: Schema): string[] {
  const names = [...new Set([...actual.keys(), ...expected.keys()])].sort();
  return names.flatMap((name) => {
    if (!actual.has(name)) return [`The ${name} is missing.`];
    if (!expected.has(name)) return [`The ${name} comes from no migration.`];
    return actual.get(name) === expected.get(name) ? [] : [`The ${name} is another.`];
  });
}

function gone(): Found {
  return {
    problem: 'missing',
    message: 'The file is gone. Import an archive of the tenant, or remove the tenant.',
    differences: [],
  };
}

function damaged(why: string): Found {
  return { problem: 'unreachable', message: `SQLite cannot read the file: ${why}`, differences: [] };
}
