import { createHash } from 'node:crypto';
import { TenancyError } from '@omnitenant/core';
import type { Placement } from '@omnitenant/core/extend';
import { faultOfReference } from '../vault/reference.ts';
import {
  defaultServer,
  type Isolation,
  isolations,
  type OrmPlacement,
  ownServer,
  type PlacementNames,
  sharesTables,
} from './placement.ts';
import { longestRole, rowRoles } from './shared-tables.ts';

/** The application's settings that decide where a tenant is placed. */
export interface PlacementContext {
  readonly isolation: Isolation;
  readonly servers: ReadonlySet<string>;
  readonly centralDatabase: string;
  /** The schema of extensions, which the tenants of a database find things in. */
  readonly extensions: string;
  readonly names: PlacementNames;
  /** Whether a new tenant of that isolation gets a role. */
  readonly hasRole: (isolation: Isolation) => boolean;
}

/**
 * Decides where a new tenant's rows will be.
 *
 * @throws ISOLATION_UNKNOWN for an isolation that this package does not implement, TENANT_INVALID for a placement that no
 * tenant may have.
 */
export function placeTenant(
  draft: {
    readonly id: string;
    readonly isolation?: string | undefined;
    readonly placement?: Placement | undefined;
  },
  context: PlacementContext,
): { isolation: Isolation; placement: OrmPlacement } {
  const isolation = draft.isolation ?? context.isolation;
  if (!isIsolation(isolation)) {
    throw new TenancyError(
      'ISOLATION_UNKNOWN',
      `The tenant "${draft.id}" asks for the isolation "${isolation}". Use one of: ${isolations.map((name) => `"${name}"`).join(', ')}.`,
      { tenant: draft.id },
    );
  }
  const { url, server, database, schema, role, ...others } = draft.placement ?? {};
  const named = defaults(isolation, draft.id, context);
  const placement: Writable<OrmPlacement> = {
    server: server ?? (url === undefined ? defaultServer : ownServer),
    database: database ?? named.database,
    schema: schema ?? named.schema,
  };
  if (sharesTables({ isolation })) placement.role = role ?? sharedRole(placement.schema, context);
  else if (context.hasRole(isolation)) {
    placement.role = role ?? context.names.role?.(draft.id) ?? ownName(draft.id, context);
  }
  if (url !== undefined) placement.url = url;
  const fault = faultOf(isolation, placement, Object.keys(others), context);
  if (fault) {
    throw new TenancyError('TENANT_INVALID', `The tenant "${draft.id}" cannot be placed: ${fault}`, {
      tenant: draft.id,
    });
  }
  return { isolation, placement };
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

/** The role of the tenants that share the tables of a schema. What keeps them apart is the tenant that the pin names. */
function sharedRole(schema: string, { names, centralDatabase }: PlacementContext): string {
  return fitting(names.role?.(`${schema}_tenants`) ?? `${plain(centralDatabase)}_${schema}_tenants`, longestRole);
}

/** The name of a tenant's database or role, which no other application on the server has. */
function ownName(id: string, { centralDatabase }: PlacementContext): string {
  return fitting(`${plain(centralDatabase)}_${id}`, longestName);
}

/** The name, or where it is too long its beginning and a digest of it. */
function fitting(name: string, longest: number): string {
  if (name.length <= longest) return name;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 8);
  return `${name.slice(0, longest - 9)}_${digest}`;
}

/** The longest name that PostgreSQL keeps whole. */
const longestName = 63;

/** The database and the schema of a tenant that names none. */
function defaults(
  isolation: Isolation,
  id: string,
  context: PlacementContext,
): { readonly database: string; readonly schema: string } {
  const { names, centralDatabase } = context;
  switch (isolation) {
    case 'schema':
      return { database: centralDatabase, schema: ownSchema(id, context) };
    case 'database':
      return { database: names.database?.(id) ?? ownName(id, context), schema: 'public' };
    case 'row':
      return { database: centralDatabase, schema: sharedSchema(names) };
  }
}

/** No tenant's id leads to a schema that others share. */
function ownSchema(id: string, { names, extensions }: PlacementContext): string {
  const schema = names.schema?.(id);
  return schema === undefined || schema === sharedSchema(names) || schema === extensions ? `t_${id}` : schema;
}

function sharedSchema({ rows = 'rows' }: PlacementNames): string {
  return rows;
}

function isIsolation(value: string): value is Isolation {
  return (isolations as readonly string[]).includes(value);
}

/** A database's name as the beginning of another name; PGlite's may be a path. */
function plain(database: string): string {
  return (
    database
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '_')
      .replace(/^_+/, '') || 'omni'
  );
}

/** What is wrong with a placement; `undefined` where nothing is. */
function faultOf(
  isolation: Isolation,
  placement: OrmPlacement,
  unknownKeys: readonly string[],
  context: PlacementContext,
): string | undefined {
  if (unknownKeys.length > 0) {
    return `a placement has a server, a url, a database, a schema and a role, not "${unknownKeys.join('", "')}".`;
  }
  return faultOfServer(isolation, placement, context) ?? faultOfNames(isolation, placement, context);
}

function faultOfServer(
  isolation: Isolation,
  { server, url }: OrmPlacement,
  { servers }: PlacementContext,
): string | undefined {
  if (url === undefined) {
    return servers.has(server) ? undefined : `there is no server "${server}" in the configuration.`;
  }
  if (server !== ownServer) return 'it names both a server and a url. Name one of them.';
  if (isolation !== 'database') return 'only a tenant of isolation "database" can have its own server.';
  return faultOfReference(url);
}

/** What is in these is in every database that is created later. */
const reservedDatabases: ReadonlySet<string> = new Set(['template0', 'template1']);
const reservedSchemas: ReadonlySet<string> = new Set(['central', 'public', 'information_schema']);

function faultOfNames(
  isolation: Isolation,
  { server, database, schema, role }: OrmPlacement,
  context: PlacementContext,
): string | undefined {
  const { centralDatabase, names } = context;
  const ownsDatabase = isolation === 'database';
  if (ownsDatabase && server === defaultServer && database === centralDatabase) {
    return `the database "${database}" is central's.`;
  }
  if (ownsDatabase && reservedDatabases.has(database)) return `the database "${database}" is reserved.`;
  if (!ownsDatabase && reservedSchemas.has(schema)) return `the schema "${schema}" is reserved.`;
  if (!ownsDatabase && schema === context.extensions) return `the schema "${schema}" is for extensions.`;
  if (isolation === 'schema' && schema === sharedSchema(names)) {
    return `the schema "${schema}" is for the tenants that share tables.`;
  }
  if (isolation !== 'row' && role !== undefined) {
    const shared = Object.values(rowRoles({ role: sharedRole(sharedSchema(names), context) }));
    if (shared.includes(role)) return `the role "${role}" is for the tenants that share tables.`;
  }
  return faultOfSpelling({ schema, database: ownsDatabase ? database : undefined, role });
}

/** What is wrong with the spelling of names that PostgreSQL is to create. */
function faultOfSpelling(created: Readonly<Record<string, string | undefined>>): string | undefined {
  for (const [what, value] of Object.entries(created)) {
    if (value === undefined || isValidName(value)) continue;
    return `"${value}" is not a valid name for a ${what}: use small letters, digits, _ and -, at most 63, not beginning with pg_.`;
  }
  return undefined;
}

function isValidName(value: string): boolean {
  return /^[a-z_][a-z0-9_-]*$/.test(value) && !value.startsWith('pg_') && Buffer.byteLength(value) <= 63;
}
