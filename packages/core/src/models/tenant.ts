import { TenancyError } from '../errors.ts';
import { quoted } from './quoted.ts';

/** Where a tenant is in its life; only an `active` one is let in. */
export type TenantStatus = 'provisioning' | 'active' | 'suspended' | 'maintenance' | 'archived' | 'removing' | 'failed';

/** Where a tenant's rows are; filled in by the resource that places it. */
export type Placement = Readonly<Record<string, string>>;

/** Whom the application keeps apart; an application extends it with its own columns. */
export interface Tenant {
  /** Never changes; safe in SQL names, keys, paths and host labels. */
  readonly id: string;
  readonly name: string;
  readonly status: TenantStatus;
  /** How its rows are kept apart, such as `schema` or `database`. */
  readonly isolation: string;
  readonly placement: Placement;
  readonly config: Readonly<Record<string, unknown>>;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** The columns that an application adds to `Tenant`. */
type OwnColumns<T extends Tenant> = Omit<T, keyof Tenant>;

/** A host that a tenant is created with. */
export type DomainInput = string | { readonly host: string; readonly primary?: boolean };

/** What a tenant is created from. */
export type TenantInput<T extends Tenant = Tenant> = {
  readonly id: string;
  /** Defaults to the id. */
  readonly name?: string;
  readonly isolation?: string;
  readonly placement?: Placement;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly domains?: readonly DomainInput[];
} & Partial<OwnColumns<T>>;

/** A tenant as a store is given it: everything but the timestamps, which are the store's. */
export type TenantDraft<T extends Tenant = Tenant> = Omit<Tenant, 'createdAt' | 'updatedAt'> & Partial<OwnColumns<T>>;

/** What may change in a stored tenant. */
export type TenantChange<T extends Tenant = Tenant> = Partial<
  Pick<Tenant, 'name' | 'status' | 'placement' | 'config'>
> &
  Partial<OwnColumns<T>>;

/** The ids that no tenant may have; `pg-…` and `xn--…` are refused besides. */
export const reservedTenantIds: readonly string[] = [
  'central',
  'default',
  'information-schema',
  'localhost',
  'postgres',
  'public',
  'template0',
  'template1',
  'www',
];

const label = /^[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?$/;

/** Whether `value` can be a tenant's id: a DNS label of 1 to 48 characters, not all digits, not punycode, not reserved. */
export function isTenantId(value: unknown): value is string {
  return typeof value === 'string' && label.test(value) && !isReserved(value) && /[a-z]/.test(value);
}

/**
 * The value as a tenant's id.
 * @throws TENANT_INVALID where `isTenantId` says no; nothing is repaired, so no two spellings lead to one tenant.
 */
export function parseTenantId(value: unknown): string {
  if (isTenantId(value)) return value;
  const why =
    typeof value === 'string' && label.test(value) && isReserved(value)
      ? 'is reserved; choose another'
      : 'must be 1 to 48 lower-case letters, digits and inner hyphens, with at least one letter';
  throw new TenancyError('TENANT_INVALID', `The tenant id ${quoted(value)} ${why}.`);
}

/** A deep-frozen copy of a stored tenant: what every store returns, because all scopes share it. */
export function tenantSnapshot<T extends Tenant>(tenant: T): T {
  return frozenCopy(tenant) as T;
}

function isReserved(id: string): boolean {
  return reservedTenantIds.includes(id) || id.startsWith('pg-') || id.slice(2, 4) === '--';
}

function frozenCopy(value: unknown): unknown {
  if (Array.isArray(value)) return Object.freeze(value.map(frozenCopy));
  if (value instanceof Date) return new Date(value);
  if (typeof value !== 'object' || value === null) return value;
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  return Object.freeze(Object.fromEntries(Object.entries(value).map(([key, held]) => [key, frozenCopy(held)])));
}
