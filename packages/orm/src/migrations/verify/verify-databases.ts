import type { Tenant } from '@omnitenant/core';
import type { Ledger } from '../ledger.ts';
import type { VerifyOptions, VerifyProblem, VerifyReport } from './verify-options.ts';

/** The schema of a database: each thing by its name, such as `table "task"`, with a text that two equal things share. */
export type ComparedSchema = ReadonlyMap<string, string>;

/** What tenants' databases besides PostgreSQL are compared with. */
export interface VerifiedDatabases {
  readonly ledger: Ledger;
  /** The migrations of the code. */
  readonly names: readonly string[];
  readonly appliedTo: (tenant: Tenant) => Promise<readonly string[]>;
  /** What a tenant has. Rejects where the database cannot be read. */
  readonly schemaOf: (tenant: Tenant) => Promise<ComparedSchema>;
  /** What these migrations make in an empty database. */
  readonly expectedOf: (applied: readonly string[]) => Promise<ComparedSchema>;
  /** What is gone, and what to do; and what cannot be read. */
  readonly messages: { readonly gone: string; readonly unreadable: string };
}

interface Found {
  readonly problem: VerifyProblem;
  readonly message: string;
  readonly differences: readonly string[];
}

/** Compares what each tenant has with what its migrations make, and puts tenants with the same problem together. */
export async function verifyDatabases(
  databases: VerifiedDatabases,
  { tenants }: VerifyOptions = {},
): Promise<VerifyReport> {
  const expected = new Map<string, Promise<ComparedSchema>>();
  const groups = new Map<string, Found & { readonly tenants: string[] }>();
  let well = 0;

  function expectedOf(applied: readonly string[]): Promise<ComparedSchema> {
    const key = JSON.stringify(applied);
    const known = expected.get(key) ?? databases.expectedOf(applied);
    expected.set(key, known);
    return known;
  }

  for await (const { tenant } of databases.ledger.tenants({ tenants })) {
    const found = await examine({ ...databases, expectedOf }, tenant);
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

async function examine(databases: VerifiedDatabases, tenant: Tenant): Promise<Found | undefined> {
  const { appliedTo, schemaOf, expectedOf, names, messages } = databases;
  try {
    const applied = await appliedTo(tenant);
    const unknown = applied.filter((name) => !names.includes(name));
    if (unknown.length > 0) {
      const message = `The log has migrations that this code does not have: ${unknown.join(', ')}. Use the code that has them.`;
      return { problem: 'unknown', message, differences: [] };
    }
    const differences = differencesOf(await schemaOf(tenant), await expectedOf(applied));
    if (differences.length === 0) return undefined;
    return { problem: 'differs', message: 'The tables are not what the migrations make.', differences };
  } catch (error) {
    const { message, code } = error as { message: string; code?: string };
    return code === 'TENANT_OUTDATED'
      ? { problem: 'missing', message: messages.gone, differences: [] }
      : { problem: 'unreachable', message: `${messages.unreadable}: ${message}`, differences: [] };
  }
}

function differencesOf(actual: ComparedSchema, expected: ComparedSchema): string[] {
  const names = [...new Set([...actual.keys(), ...expected.keys()])].sort();
  return names.flatMap((name) => {
    if (!actual.has(name)) return [`The ${name} is missing.`];
    if (!expected.has(name)) return [`The ${name} comes from no migration.`];
    return actual.get(name) === expected.get(name) ? [] : [`The ${name} is another.`];
  });
}
