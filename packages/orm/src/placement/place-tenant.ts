import { type Placement, TenancyError, type Tenant } from '@omnitenant/core';
import type { Database } from '../sql/client.ts';
import { faultOfReference } from '../vault/reference.ts';

/**
 * How a tenant's rows are kept apart: in a schema of a shared database, in a database of its own, or among others' in
 * shared tables, by PostgreSQL's row-level security.
 */
export type Isolation = 'schema' | 'database' | 'row';

/** The isolations that this package has. */
export const isolations: readonly Isolation[] = ['schema', 'database', 'row'];

/** The setting that the pin carries and that row-level security reads. */
export const tenantSetting = 'omnitenant.tenant';

/** Where a tenant's rows are: on which server, in which database, in which schema, and the role that they belong to. */
export type OrmPlacement = Placement & {
  readonly server: string;
  readonly database: string;
  readonly schema: string;
  /** The role that statements run as, where tenants have roles. */
  readonly role?: string;
  /** Where its own server is, for a tenant that has one: `env:NAME`, or a sealed URL. */
  readonly url?: string;
};

/** The server that the MikroORM configuration itself names. Central is there, and each tenant that names no other. */
export const defaultServer = 'default';

/** What stands for a tenant's own server, which its `url` leads to. */
export const ownServer = 'own';

/** Names what a tenant gets where its placement says nothing. */
export interface PlacementNames {
  /** The schema of a tenant of isolation `schema`. Default: `t_` and the tenant's id. */
  readonly schema?: (id: string) => string;
  /** The database of a tenant of isolation `database`. Default: `tenant_` and the tenant's id. */
  readonly database?: (id: string) => string;
  /** The schema that the tenants of isolation `row` share. Default: `rows`. */
  readonly rows?: string;
  /**
   * The role of a tenant, where tenants have roles. Default: the beginning of the central database's name, which keeps
   * applications on one server apart, and the tenant's id.
   */
  readonly role?: (id: string) => string;
}

/** What is known of the application when a tenant is placed. */
export interface PlacementContext {
  readonly isolation: Isolation;
  readonly servers: ReadonlySet<string>;
  readonly centralDatabase: string;
  readonly names: PlacementNames;
  /** Whether a new tenant of that isolation gets a role. */
  readonly hasRole: (isolation: Isolation) => boolean;
}

/**
 * Decides where a new tenant's rows will be.
 *
 * @throws ISOLATION_UNKNOWN for an isolation that this package has not, TENANT_INVALID for a placement that no tenant may have.
 */
export function placeTenant(
  draft: { readonly id: string; readonly isolation?: string; readonly placement?: Placement },
  context: PlacementContext,
): { isolation: Isolation; placement: OrmPlacement } {
  const isolation = draft.isolation ?? context.isolation;
  if (!isIsolation(isolation)) {
    throw new TenancyError(
      'ISOLATION_UNKNOWN',
      `The tenant '${draft.id}' asks for the isolation '${isolation}'. There are: ${isolations.join(', ')}.`,
      { tenant: draft.id },
    );
  }
  const {
    url,
    server = url === undefined ? defaultServer : ownServer,
    database,
    schema,
    role,
    ...others
  } = draft.placement ?? {};
  const { names, centralDatabase } = context;
  const named = {
    schema: {
      server,
      database: database ?? centralDatabase,
      schema: schema ?? names.schema?.(draft.id) ?? `t_${draft.id}`,
    },
    database: {
      server,
      database: database ?? names.database?.(draft.id) ?? `tenant_${draft.id}`,
      schema: schema ?? 'public',
    },
    row: { server, database: database ?? centralDatabase, schema: schema ?? names.rows ?? 'rows' },
  }[isolation];
  // The tenants that share tables share their role too: what keeps them apart is the tenant that the pin names.
  const owner = isolation === 'row' ? named.schema : draft.id;
  const placement: OrmPlacement = {
    ...named,
    ...(context.hasRole(isolation) && {
      role: role ?? names.role?.(owner) ?? `${plain(centralDatabase).slice(0, 14)}_${owner}`,
    }),
    ...(url !== undefined && { url }),
  };
  const fault = faultOf(isolation, placement, Object.keys(others), context);
  if (fault)
    throw new TenancyError('TENANT_INVALID', `The tenant '${draft.id}' cannot be placed: ${fault}`, {
      tenant: draft.id,
    });
  return { isolation, placement };
}

/**
 * Reads a stored tenant's placement; one on a server of its own names the tenant too, as the server has no name.
 *
 * @throws TENANT_INVALID when the record has none, as when something else than this package has placed the tenant.
 */
export function placementOf(tenant: Tenant): OrmPlacement & Database {
  const { server, database, schema, role, url } = tenant.placement;
  if (!server || !database || !schema) {
    throw new TenancyError(
      'TENANT_INVALID',
      `The tenant '${tenant.id}' has no placement: its record names no database and schema.`,
      {
        tenant: tenant.id,
      },
    );
  }
  return { server, database, schema, ...(role && { role }), ...(url && { url, tenant: tenant.id }) };
}

function isIsolation(value: string): value is Isolation {
  return (isolations as readonly string[]).includes(value);
}

/** A database's name as the beginning of another; PGlite's may be a path. */
function plain(database: string): string {
  return (
    database
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '_')
      .replace(/^_+/, '') || 'omni'
  );
}

const name = /^[a-z_][a-z0-9_-]*$/;
const reservedSchemas = new Set(['central', 'public', 'information_schema']);

function faultOf(
  isolation: Isolation,
  { server, database, schema, role, url }: OrmPlacement,
  unknownKeys: readonly string[],
  { servers, centralDatabase }: PlacementContext,
): string | undefined {
  if (unknownKeys.length > 0)
    return `a placement has a server, a url, a database, a schema and a role, not '${unknownKeys.join("', '")}'.`;
  if (url !== undefined) {
    if (server !== ownServer) return `it names a server and a url; there is one or the other.`;
    if (isolation !== 'database') return `a server of its own is for the isolation 'database'.`;
    const fault = faultOfReference(url);
    if (fault) return fault;
  } else if (!servers.has(server)) return `there is no server '${server}' in the configuration.`;
  if (isolation === 'database' && server === defaultServer && database === centralDatabase) {
    return `the database '${database}' is central's.`;
  }
  if (isolation !== 'database' && reservedSchemas.has(schema))
    return `the schema '${schema}' is not a tenant's to have.`;
  const made = { schema, ...(isolation === 'database' && { database }), ...(role !== undefined && { role }) };
  for (const [what, value] of Object.entries(made)) {
    if (!name.test(value) || value.startsWith('pg_') || Buffer.byteLength(value) > 63) {
      return `'${value}' is no name for a ${what}: small letters, digits, _ and -, at most 63, not beginning with pg_.`;
    }
  }
  return undefined;
}
