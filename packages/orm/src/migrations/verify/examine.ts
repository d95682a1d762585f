import { isTenancyError, type Tenant } from '@omnitenant/core';
import type { StoredTenant } from '../../central/stored-tenant.ts';
import { placementOf, sharesTables } from '../../placement/placement.ts';
import { codeOf, sqlState } from '../../sql/error-codes.ts';
import type { MigrationSet } from '../migration-set.ts';
import { appliedAfter } from '../operation.ts';
import { versionOf } from '../version.ts';
import { type CatalogueItem, differencesOf } from './differences.ts';
import type { Found, StorageReader } from './read-storage.ts';
import type { References } from './reference.ts';
import type { VerifyProblem } from './verify-options.ts';

/** What was found out about one tenant. */
export interface Finding {
  readonly stored: StoredTenant;
  readonly problem?: VerifyProblem;
  readonly message?: string;
  readonly differences?: readonly string[];
  /** The migrations in its log, in the order of the code. */
  readonly applied?: readonly string[];
}

/** What tenants are examined with. */
export interface Examiner {
  readonly set: MigrationSet;
  readonly reader: StorageReader;
  readonly references: References;
}

/** Examines tenants of one database, or of one shared schema. */
export async function examine(examiner: Examiner, tenants: readonly StoredTenant[]): Promise<readonly Finding[]> {
  const [first] = tenants as [StoredTenant];
  try {
    if (sharesTables(first.tenant)) return await examineShared(examiner, tenants);
    const schemas = tenants.map(({ tenant }) => placementOf(tenant).schema);
    // Most tenants have all migrations, so the reference for those is made meanwhile.
    const [found] = await Promise.allSettled([
      examiner.reader.read(placementOf(first.tenant), schemas),
      examiner.references(first.tenant, examiner.set.names),
    ]);
    if (found.status === 'rejected') throw found.reason;
    return await judge(examiner, tenants, found.value);
  } catch (error) {
    if (isMissing(error)) return tenants.map((stored) => ({ stored, ...missing }));
    if (!isTenancyError(error, 'SERVER_UNAVAILABLE')) throw error;
    return tenants.map((stored) => ({ stored, problem: 'unreachable', message: error.message }));
  }
}

const missing = {
  problem: 'missing',
  message: 'The schema or database does not exist. Restore it from a backup, or remove the tenant.',
} as const;

function isMissing(error: unknown): boolean {
  return codeOf(error) === sqlState.undefinedDatabase || (error instanceof Error && isMissing(error.cause));
}

/** Tenants that share tables have one log. What keeps them apart is checked elsewhere, before each of them is served. */
async function examineShared(
  { set, reader, references }: Examiner,
  tenants: readonly StoredTenant[],
): Promise<readonly Finding[]> {
  const [{ tenant }] = tenants as [StoredTenant];
  const placement = placementOf(tenant);
  const log = await reader.appliedShared(placement);
  if (log === undefined) return tenants.map((stored) => ({ stored, ...missing }));
  const applied = appliedAfter(set.names, log, []);
  const isKnown = applied.every((name) => set.names.includes(name));
  const reference = await references(tenant, isKnown ? applied : set.names).catch(orUncompared);
  if ('problem' in reference) return tenants.map((stored) => ({ stored, applied, ...reference }));
  const found = await reader.items(placement, placement.schema);
  const differences = differencesOf(reference.items.filter(isOwn), found.filter(isOwn));
  const drift = isKnown && differences.length > 0 ? drifted(applied, differences) : undefined;
  const isCurrent = differences.length === 0;
  return tenants.map((stored) => ({ stored, applied, ...(drift ?? judgeLog(set, stored, applied, isCurrent)) }));
}

/** Whether a migration has made it, and not what protects shared tables. */
function isOwn({ kind, name }: CatalogueItem): boolean {
  return kind !== 'grant' && !/(?:^|\.)omnitenant(?:_|$)/.test(name);
}

function orUncompared(error: unknown): Pick<Required<Finding>, 'problem' | 'message'> {
  if (isTenancyError(error, 'CONFIG_INVALID')) return { problem: 'uncompared', message: error.message };
  throw error;
}

async function judge(
  { set, reader, references }: Examiner,
  tenants: readonly StoredTenant[],
  found: ReadonlyMap<string, Found>,
): Promise<readonly Finding[]> {
  const inOrder = inOrderOf(set);
  const there = await Promise.all(tenants.map(async (stored) => ({ stored, ...(await stateOf(stored)) })));
  // A fingerprint holds in its own database only, and that of a tenant with a database of its own is not the reference's.
  const odd = there.filter(
    ({ stored, fingerprint, reference }) =>
      stored.tenant.isolation === 'database' || fingerprint !== reference?.fingerprint,
  );
  const differences = await compareAll(
    reader,
    odd.flatMap(({ stored, reference }) => (reference ? [{ tenant: stored.tenant, reference }] : [])),
  );

  /** What is in a tenant's schema, and what has to be. */
  async function stateOf({ tenant }: StoredTenant) {
    const state = found.get(placementOf(tenant).schema);
    if (!state) return {};
    if (state.unreadable !== undefined) return { unreadable: state.unreadable };
    const applied = inOrder(state.log);
    const isKnown = applied.every((name) => set.names.includes(name));
    const reference = await references(tenant, isKnown ? applied : set.names);
    return { applied, isKnown, reference, fingerprint: state.fingerprint };
  }

  return there.map(({ stored, applied, isKnown, unreadable }) => {
    if (unreadable !== undefined) return { stored, problem: 'unreachable', message: withoutLog(unreadable) };
    const own = differences.get(stored.tenant.id) ?? [];
    if (!applied || own === 'gone') return { stored, ...missing };
    const isDrifted = isKnown && own.length > 0;
    return {
      stored,
      applied,
      ...(isDrifted ? drifted(applied, own) : judgeLog(set, stored, applied, own.length === 0)),
    };
  });
}

/** Puts logs into the order of the code, the same one once. */
function inOrderOf({ names }: MigrationSet): (log: readonly string[]) => readonly string[] {
  const known = new Map<readonly string[], readonly string[]>();
  return (log) => {
    const applied = known.get(log) ?? appliedAfter(names, log, []);
    known.set(log, applied);
    return applied;
  };
}

/** What is different in tenants of one database from their references, by their ids. Those with the same catalogue are compared once. */
async function compareAll(
  reader: StorageReader,
  tenants: readonly { readonly tenant: Tenant; readonly reference: Awaited<ReturnType<References>> }[],
): Promise<ReadonlyMap<string, readonly string[] | 'gone'>> {
  const [first] = tenants;
  if (!first) return new Map();
  const schemaOf = (tenant: Tenant) => placementOf(tenant).schema;
  const digests = await reader.digests(
    placementOf(first.tenant),
    tenants.map(({ tenant }) => schemaOf(tenant)),
  );
  const compared = new Map<string, readonly string[]>();
  const result = new Map<string, readonly string[] | 'gone'>();
  for (const { tenant, reference } of tenants) {
    const digest = digests.get(schemaOf(tenant));
    if (digest === reference.digest) continue;
    if (digest === undefined) {
      result.set(tenant.id, 'gone');
      continue;
    }
    const key = `${reference.digest} ${digest}`;
    const differences =
      compared.get(key) ?? differencesOf(reference.items, await reader.items(placementOf(tenant), schemaOf(tenant)));
    compared.set(key, differences);
    result.set(tenant.id, differences);
  }
  return result;
}

function withoutLog(reason: string): string {
  return `The log of migrations cannot be read: ${reason}.`;
}

function drifted(applied: readonly string[], differences: readonly string[]) {
  const last = applied.at(-1);
  const made = last === undefined ? 'no migration is applied' : `the migrations up to "${last}" make other ones`;
  return {
    problem: 'differs',
    message: `The tables were changed by something other than a migration: ${made}. Change them back, or write a migration for all tenants.`,
    differences,
  } as const;
}

/** What is wrong with a log, beside the record of central and the names of the code. */
function judgeLog(
  { names }: MigrationSet,
  { version }: StoredTenant,
  applied: readonly string[],
  isCurrent: boolean,
): Pick<Finding, 'problem' | 'message'> {
  const unknown = applied.filter((name) => !names.includes(name));
  const lacking = names.filter((name) => !applied.includes(name));
  if (unknown.length === 0) return version === versionOf(applied) ? {} : unrecorded(applied);
  const named = `The log has migrations that this code does not have (${quoted(unknown)})`;
  if (isCurrent && lacking.length > 0) {
    const message = `${named} and lacks ${quoted(lacking)}, while the tables are those of the code, as after a squash. Run verify with fix.`;
    return { problem: 'renamed', message };
  }
  const message = `${named}. Either newer code has migrated the tenant, or they were deleted from the code: then strike them out by fake with forgetUnknown.`;
  return { problem: 'unknown', message };
}

function unrecorded(applied: readonly string[]): Pick<Finding, 'problem' | 'message'> {
  const last = applied.at(-1);
  const has = last === undefined ? 'no migration' : `the migrations up to "${last}"`;
  const message = `The log has ${has}, and central has recorded others, as after a restore. Run verify with fix, and then migrate.`;
  return { problem: 'unrecorded', message };
}

function quoted(names: readonly string[]): string {
  const some = names.slice(0, 3).map((name) => `"${name}"`);
  return names.length > some.length ? `${some.join(', ')} and ${names.length - some.length} more` : some.join(', ');
}
