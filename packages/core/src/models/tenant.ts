import { TenancyError } from '../errors/errors.ts';
import { quoted } from '../errors/quoted.ts';

/** A tenant's status; only the scope of an `active` tenant may be entered. */
export type TenantStatus = 'provisioning' | 'active' | 'suspended' | 'maintenance' | 'archived' | 'removing' | 'failed';

/** The place of a tenant's data, chosen by the resources. */
export type Placement = Readonly<Record<string, string>>;

/** An isolated customer. An application may add its own columns. */
export interface Tenant {
  /** Never changes; safe in SQL names, keys, paths and host labels. */
  readonly id: string;
  readonly name: string;
  readonly status: TenantStatus;
  /** How its data is isolated, such as `schema` or `database`. */
  readonly isolation: string;
  readonly placement: Placement;
  readonly config: Readonly<Record<string, unknown>>;
  /** When an archived tenant may be purged; without it, never. */
  readonly retainUntil?: Date | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** The columns that an application adds to `Tenant`. */
type OwnColumns<T extends Tenant> = Omit<T, keyof Tenant>;

/** A host that a tenant is created with. */
export type DomainInput = string | { readonly host: string; readonly primary?: boolean };

/** The input of `tenants.create`. */
export type TenantInput<T extends Tenant = Tenant> = {
  readonly id: string;
  /** Defaults to the id. */
  readonly name?: string;
  readonly isolation?: string;
  readonly placement?: Placement;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly domains?: readonly DomainInput[];
} & Partial<OwnColumns<T>>;

/** A new tenant as the store receives it. The store adds the timestamps. */
export type TenantDraft<T extends Tenant = Tenant> = Omit<Tenant, 'retainUntil' | 'createdAt' | 'updatedAt'> &
  Partial<OwnColumns<T>>;

/** The changeable properties of a stored tenant. */
export type TenantChange<T extends Tenant = Tenant> = Partial<
  Pick<Tenant, 'name' | 'status' | 'placement' | 'config' | 'retainUntil'>
> &
  Partial<OwnColumns<T>>;

/** Ids that no tenant may have. `pg-…` and `xn--…` are reserved, too. */
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
 * @throws TENANT_INVALID if `isTenantId` is false. The value is not normalised, so that no two spellings name one tenant.
 */
export function parseTenantId(value: unknown): string {
  if (isTenantId(value)) return value;
  const why =
    typeof value === 'string' && label.test(value) && isReserved(value)
      ? 'is reserved; choose another'
      : 'must be 1 to 48 lower-case letters, digits and inner hyphens, with at least one letter';
  throw new TenancyError('TENANT_INVALID', `The tenant id ${quoted(value)} ${why}.`);
}

/** A deep-frozen copy of a stored tenant: every store returns it, because all scopes share it. */
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
