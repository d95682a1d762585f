import { TenancyError, type Tenant } from '@omnitenant/core';
import type { ProvisionedAs } from '@omnitenant/core/extend';
import { lastKnownVersion } from '../central/stored-tenant.ts';
import type { Pools } from '../connections/pools.ts';
import type { OrmPlacement } from '../placement/placement.ts';
import type { FindTenant } from '../session/removed-tenant.ts';
import type { Database } from '../sql/client.ts';
import { codeOf, sqlState } from '../sql/error-codes.ts';
import { quoteText } from '../sql/quote.ts';
import { type Marks, markPrefix } from './marks.ts';

/** Creates and destroys the storage of the tenants of one isolation. */
export interface TenantStorage {
  /**
   * Creates the storage, with its contents where they are known, else empty; the result says which. It fails if something of
   * that name exists: nothing is adopted by accident.
   */
  create(tenant: Tenant, contents?: Contents): Promise<ProvisionedAs>;
  /** Marks existing storage as the tenant's, if no tenant owns it. What a tenant had that was removed, its mark notwithstanding, is nobody's. */
  adopt(tenant: Tenant): Promise<void>;
  /** Whether the tenant has adopted its storage, which existed before. */
  isAdopted(tenant: Tenant): Promise<boolean>;
  /**
   * Leaves storage as it is, so that it can be adopted when the tenant is gone.
   *
   * @throws REMOVE_FAILED if there is none of this tenant.
   */
  release(tenant: Tenant): Promise<void>;
  /** Drops storage that was created for this tenant, and unmarks storage that was adopted. Does nothing if it is gone. */
  destroy(tenant: Tenant): Promise<void>;
}

/** The contents of a new tenant's storage: all migrations of the application, as SQL that is the same for each tenant. */
export interface Contents {
  /** Identifies the contents. */
  readonly digest: string;
  readonly statements: readonly string[];
  /** The names of the migrations, and of the table that they are logged in. */
  readonly names: readonly string[];
  readonly logTable: string;
  /** The statement that records the tenant's version in central. */
  readonly record: (tenant: Tenant) => string;
}

/** Whether both are the same database. */
export function isSame(one: Database, other: Database): boolean {
  return one.server === other.server && one.database === other.database && one.url === other.url;
}

/** The kinds of storage: the code of PostgreSQL for a name that is taken, and the catalog that lists the names. */
const kinds = {
  schema: { taken: sqlState.duplicateSchema, catalog: 'pg_namespace', name: 'nspname' },
  database: { taken: sqlState.duplicateDatabase, catalog: 'pg_database', name: 'datname' },
  role: { taken: sqlState.duplicateObject, catalog: 'pg_roles', name: 'rolname' },
} as const;

type Kind = keyof typeof kinds;

/** Whether creating something failed because its name is taken. */
export function isTaken(error: unknown, kind: Kind): boolean {
  return codeOf(error) === kinds[kind].taken;
}

/**
 * The error to throw when creating a tenant's storage has failed: one that says what exists already, or the error itself. A
 * migration may fail with the same code over something of its own, so the storage itself is looked for.
 */
export async function takenOr(
  error: unknown,
  tenant: Tenant,
  placement: OrmPlacement,
  { pools, on }: { readonly pools: Pools; readonly on: Database },
): Promise<unknown> {
  const kind = (Object.keys(kinds) as Kind[]).find((each) => isTaken(error, each));
  const name = kind && placement[kind];
  if (kind === undefined || name === undefined) return error;
  const found = await pools
    .query(on, `select from ${kinds[kind].catalog} where ${kinds[kind].name} = ${quoteText(name)}`)
    .catch(() => []);
  if (found.length === 0) return error;
  const ways =
    kind === 'role' ? 'Choose another placement, or drop it.' : 'Choose another placement, adopt it, or drop it.';
  return new TenancyError(
    'PROVISION_FAILED',
    `The ${kind} "${name}" exists already, and was not created for the new tenant "${tenant.id}". ${ways}`,
    { tenant: tenant.id, cause: error },
  );
}

/** What adoptions ask of marks. */
export interface Ownership {
  readonly marks: Marks;
  readonly find: FindTenant;
}

/**
 * True if storage exists and no tenant owns it. A mark left by this tenant's own failed adoption does not count, nor does that of a
 * tenant of this application which is gone: its storage was kept, or could not be reached.
 */
export async function isAdoptable(
  found: { readonly owner?: string } | undefined,
  tenant: Tenant,
  { marks, find }: Ownership,
): Promise<boolean> {
  if (found === undefined) return false;
  const { owner } = found;
  if (!owner?.startsWith(markPrefix) || owner === marks.adopted(tenant)) return true;
  const former = marks.read(owner);
  if (former === undefined) return false;
  return (await find(former.id))?.createdAt.getTime() !== former.createdAtMs;
}

/**
 * Accepts storage that bears a mark of this tenant, which the next adoption understands when the tenant is gone.
 *
 * @throws REMOVE_FAILED
 */
export function checkKept(
  found: { readonly owner?: string } | undefined,
  tenant: Tenant,
  marks: Marks,
  what: string,
): void {
  if (found?.owner === marks.owner(tenant) || found?.owner === marks.adopted(tenant)) return;
  const why = found === undefined ? 'does not exist' : 'is not marked as its own';
  const message = `The ${what} of the tenant "${tenant.id}" ${why}, so it cannot be kept. Remove the tenant without keeping its storage.`;
  throw new TenancyError('REMOVE_FAILED', message, { tenant: tenant.id });
}

/** The error for storage that cannot be adopted: it does not exist, or it has an owner. */
export function notAdoptable(tenant: Tenant, kind: Kind, name: string, owner: unknown): TenancyError {
  const why = owner ? 'it belongs to another tenant' : 'it does not exist';
  return new TenancyError(
    'PROVISION_FAILED',
    `The ${kind} "${name}" cannot be adopted by the tenant "${tenant.id}": ${why}. Name another placement.`,
    { tenant: tenant.id },
  );
}

/**
 * Keeps storage that was not created for this tenant. If the tenant never had storage, because its creation was interrupted,
 * there is nothing to report; else an operator has to look at it.
 *
 * @throws REMOVE_FAILED
 */
export function keepForOwner(tenant: Tenant, kind: Kind, name: string): void {
  if (lastKnownVersion(tenant) === undefined) return;
  throw new TenancyError(
    'REMOVE_FAILED',
    `The ${kind} "${name}" was not created for the tenant "${tenant.id}", so it is left alone. If it is no longer needed, drop it by hand.`,
    { tenant: tenant.id },
  );
}
