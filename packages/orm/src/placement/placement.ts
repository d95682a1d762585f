import { TenancyError, type Tenant } from '@omnitenant/core';
import type { Placement } from '@omnitenant/core/extend';
import type { Database } from '../sql/client.ts';

/**
 * How a tenant's rows are isolated: in a schema of a shared database, in a separate database, or in shared tables by PostgreSQL's row-level security.
 */
export type Isolation = 'schema' | 'database' | 'row';

/** The isolations that this package implements. */
export const isolations: readonly Isolation[] = ['schema', 'database', 'row'];

/** The setting that the pin carries and that row-level security reads. */
export const tenantSetting = 'omnitenant.tenant';

/** The place of a tenant's rows: the server, the database, the schema, and the role that owns them. */
export type OrmPlacement = Placement & {
  readonly server: string;
  readonly database: string;
  readonly schema: string;
  /** The role that statements run as, where tenants have roles or share tables. */
  readonly role?: string;
  /** What `tenant_id` says in the rows of a tenant that shares tables: its id, with a number if it is not the first of that id. */
  readonly key?: string;
  /** The URL of the tenant's own server, if it has one: `env:NAME`, or a sealed URL. */
  readonly url?: string;
};

/** The server that the MikroORM configuration names. Central is there, and each tenant that names no other. */
export const defaultServer = 'default';

/** The server name of a tenant on a server of its own, which the placement's `url` leads to. */
export const ownServer = 'own';

/** Default names, for omitted values of a placement. */
export interface PlacementNames {
  /** The schema of a tenant of isolation `schema`. Default: `t_` and the tenant's id. */
  readonly schema?: ((id: string) => string) | undefined;
  /** The database of a tenant of isolation `database`. Default: the central database's name, `_` and the tenant's id. */
  readonly database?: ((id: string) => string) | undefined;
  /** The schema that the tenants of isolation `row` share. Default: `rows`. */
  readonly rows?: string | undefined;
  /**
   * The role of a tenant, where tenants have roles. Default: the central database's name, `_` and the tenant's id. For tenants that share tables it is called with the name of their
   * schema and `_tenants`.
   */
  readonly role?: ((id: string) => string) | undefined;
}

/** Whether a tenant's rows are in the same tables as other tenants': then the pin has to name the tenant. */
export function sharesTables({ isolation }: { readonly isolation: string }): boolean {
  return isolation === 'row';
}

/** Whether the database is shared by several tenants, extensions included. Central, which is no tenant, is in such a one. */
export function sharesDatabase(tenant: { readonly isolation: string } | undefined): boolean {
  return tenant?.isolation !== 'database';
}

/** The schema that a tenant, or central, finds extensions in beside its own. */
export function extensionsOf(tenant: { readonly isolation: string } | undefined, schema: string): string | undefined {
  return sharesDatabase(tenant) ? schema : undefined;
}

/**
 * Reads a stored tenant's placement. That of a tenant on a server of its own names the tenant too, as the server has no name.
 *
 * @throws TENANT_INVALID if the record has no placement, because something else than this package placed the tenant.
 */
export function placementOf({ id, placement }: Tenant): OrmPlacement & Database {
  const { server, database, schema, role, key, url } = placement;
  if (!server || !database || !schema) {
    throw new TenancyError(
      'TENANT_INVALID',
      `The tenant "${id}" has no placement: its record names no database and schema.`,
      { tenant: id },
    );
  }
  const shared = { server, database, schema };
  const owned = { ...shared, ...(role && { role }), ...(key && { key }) };
  return url ? { ...owned, url, tenant: id } : owned;
}
