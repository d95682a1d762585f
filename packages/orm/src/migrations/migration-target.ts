import type { Tenant } from '@omnitenant/core';
import type { Pools } from '../connections/pools.ts';
import type { TenantEntityManager } from '../entities/entity-manager.ts';
import type { MigrationSource } from '../mikro-orm/migrator-options.ts';
import { type OrmPlacement, placementOf, sharesTables } from '../placement/placement.ts';
import type { SqlClient } from '../sql/client.ts';
import type { MigrationSet } from './migration-set.ts';

/** A place that migrations run in: a tenant's, or central. */
export interface MigrationTarget {
  readonly placement: OrmPlacement;
  /** `undefined` for central. */
  readonly tenant?: Tenant | undefined;
}

/** What migrations run with. */
export interface MigrationContext {
  readonly pools: Pools;
  /** The migrations for a target, when its database has the extensions that they need. */
  readonly set: (target: MigrationTarget) => Promise<MigrationSet>;
  /** The schema of extensions. */
  readonly extensions: string;
  /** An EntityManager on which the target's migrations may send anything. */
  readonly fork: (target: MigrationTarget) => TenantEntityManager;
  /** A dedicated connection in the target, for what runs outside of a transaction. */
  readonly session: (target: MigrationTarget) => Promise<SqlClient>;
  /** Where the migrations are found, if it is not where the MikroORM configuration says. */
  readonly source?: MigrationSource | undefined;
  /** Waits for a connection without a limit, because other tenants of the same run may hold all of them. */
  readonly waitForConnection?: boolean | undefined;
}

/** The target that a tenant's migrations run in. */
export function tenantTarget(tenant: Tenant): MigrationTarget {
  return { tenant, placement: placementOf(tenant) };
}

/** What a message calls the target. */
export function labelOf({ tenant, placement }: MigrationTarget): string {
  if (!tenant) return 'central';
  return sharesTables(tenant) ? `the schema "${placement.schema}", which tenants share` : `tenant "${tenant.id}"`;
}

/** The tenant that an error names; central is none. */
export function tenantOf({ tenant }: MigrationTarget): { readonly tenant?: string } {
  return tenant ? { tenant: tenant.id } : {};
}
