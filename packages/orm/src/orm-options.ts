import type { EntityClass, EntityMetadata, EntitySchema, Options } from '@mikro-orm/core';
import { TenancyError } from '@omnitenant/core';
import type { DomainEntity, TenantEntity, TenantOf } from './central/tenant-entity.ts';
import { type ConnectionLimits, faultOfLimits } from './connections/limits.ts';
import type { ServerOptions } from './connections/servers.ts';
import type { DriverEntityManager } from './entities/entity-manager-class.ts';
import { centralSchema } from './entities/entity-scope.ts';
import { leaveUncached } from './entities/result-cache.ts';
import type { MigrationSource } from './mikro-orm/migrator-options.ts';
import type { PendingMigrations } from './mikro-orm/pending-migrations.ts';
import { defaultServer, type Isolation, isolations, ownServer, type PlacementNames } from './placement/placement.ts';
import type { RowLogin } from './placement/row-login.ts';
import type { TenantLimits } from './placement/tenant-limits.ts';

/** Options of `createOrm` besides the MikroORM configuration. */
export interface OrmOptions<E extends TenantEntity = TenantEntity, EM = DriverEntityManager> {
  /** The isolation of a tenant that asks for none. Default: `schema`. */
  readonly isolation?: Isolation | undefined;
  /** The application's tenant entity, which extends `TenantEntity`. Default: one without further columns. */
  readonly tenant?: EntityClass<E> | EntitySchema<E> | undefined;
  /** The application's domain entity, which extends `DomainEntity`. */
  readonly domain?: EntityClass<DomainEntity> | EntitySchema<DomainEntity> | undefined;
  /** Entities with a table in central and one in each tenant. */
  readonly shared?: readonly (EntityClass<unknown> | EntitySchema)[] | undefined;
  /** Further database servers for tenants, by name. */
  readonly servers?: Readonly<Record<string, ServerOptions>> | undefined;
  /** How the credentials of dedicated servers are encrypted. */
  readonly credentials?:
    | {
        /**
         * Keys of 32 bytes as base64url, as `generateCredentialsKey()` creates them, separated by commas. The first encrypts,
         * all of them decrypt. Default: the environment variable OMNITENANT_KEYS.
         */
        readonly keys?: string | undefined;
      }
    | undefined;
  /** The connection limits of each server that sets none itself. */
  readonly connections?: ConnectionLimits | undefined;
  /**
   * What a tenant may use of what it shares with others, and its settings of PostgreSQL. It is asked once for each version of the
   * tenant's record, so a tenant's plan may decide. Default: the same share for all.
   */
  readonly limits?: ((tenant: TenantOf<E>) => TenantLimits | undefined) | undefined;
  /**
   * Creates a database role for each new tenant. It owns the tenant's schema or database, and the tenant's statements run as it,
   * so PostgreSQL refuses raw SQL that names another tenant's schema. The login needs CREATEROLE. Default: false.
   */
  readonly roles?: boolean | undefined;
  /**
   * Where the migrations of central and shared tables in central are found. Default: `tenancy.migrateCentral()` creates missing
   * tables from the entities, and changes no existing one.
   */
  readonly centralMigrations?: MigrationSource | undefined;
  /**
   * Fills a new tenant, in one transaction, after its tables exist and before it becomes active. If it fails, the tenant is
   * not created.
   */
  readonly seed?: ((em: EM, tenant: TenantOf<E>) => Promise<unknown>) | undefined;
  /**
   * Fills the storage of a new tenant with what each tenant begins with, before `seed`. It is not told which tenant, so that
   * `orm.ready.fill()` can do it ahead.
   */
  readonly prepare?: ((em: EM) => Promise<unknown>) | undefined;
  /**
   * How to serve a tenant with pending migrations: as usual (`serve`), without writes (`read-only`), or not at all (`refuse`),
   * with MIGRATIONS_PENDING, a 503 that says when to try again. Default: `serve`.
   */
  readonly pendingMigrations?: PendingMigrations | undefined;
  /**
   * The schema of extensions in the databases that tenants share. Every tenant finds the types, functions and operators in it, and
   * what `create extension` in a migration creates goes there. It is refused if it holds anything else, or if others than its
   * owner may create something in it. Default: `extensions`; `public` will do where nothing else is in it.
   */
  readonly extensions?: string | undefined;
  /** A login of their own for the tenants that share tables, which keeps hostile SQL in one of them out of the others. Default: none. */
  readonly rows?: RowLogin | undefined;
  /** Appends a comment with the tenant's id to each statement, for the server's log and statistics. Default: false. */
  readonly sqlComments?: boolean | undefined;
  /** Default names of schemas, databases and roles. */
  readonly names?: PlacementNames | undefined;
}

/**
 * Refuses a configuration that cannot work, before anything is opened.
 *
 * @throws CONFIG_INVALID
 */
export function checkConfig(config: Options | undefined, options: OrmOptions): void {
  const fault = driverFault(config) ?? (config && mikroOrmFault(config)) ?? optionsFault(options);
  if (fault) throw new TenancyError('CONFIG_INVALID', fault);
}

function driverFault(config: Options | undefined): string | undefined {
  if (config?.driver) return undefined;
  return 'createOrm needs a MikroORM configuration with a driver: pass it what defineConfig of @mikro-orm/postgresql or @mikro-orm/pglite returns.';
}

function mikroOrmFault(config: Options): string | undefined {
  if (config.replicas?.length) {
    return 'The MikroORM configuration names read replicas, which tenants cannot use yet. Remove replicas.';
  }
  const schema = config.schema ?? process.env.MIKRO_ORM_SCHEMA;
  if (schema) {
    const source = config.schema ? 'The MikroORM configuration' : 'The environment variable MIKRO_ORM_SCHEMA';
    return `${source} sets the schema "${schema}", and queries of all tenants would go there. Remove it: each tenant has its own schema.`;
  }
  if (config.disableTransactions) {
    return 'The MikroORM configuration sets disableTransactions, and tenants are created and migrated in transactions. Remove it.';
  }
  const hook = sessionHook(config);
  return (
    hook &&
    `The MikroORM configuration sets ${hook}, which changes the session of a connection, and tenants share connections. ` +
      "Remove it. Settings for all connections belong in driverOptions: { options: '-c name=value' }, or in the login role."
  );
}

/** The option by which MikroORM would change the session of a connection. */
function sessionHook(config: Options): string | undefined {
  if (config.onCreateConnection) return 'onCreateConnection';
  if (config.onReserveConnection) return 'onReserveConnection';
  return config.sessionContext === 'connection' ? "sessionContext: 'connection'" : undefined;
}

function optionsFault({
  isolation,
  servers = {},
  connections,
  limits,
  pendingMigrations = 'serve',
}: OrmOptions): string | undefined {
  if (limits !== undefined && typeof limits !== 'function')
    return 'The option limits must be a function of the tenant.';
  if (!servedAs.includes(pendingMigrations)) {
    return `There is no pendingMigrations "${pendingMigrations}". Choose one of: ${servedAs.map((name) => `"${name}"`).join(', ')}.`;
  }
  if (isolation && !isolations.includes(isolation)) {
    return `There is no isolation "${isolation}". Choose one of: ${isolations.map((name) => `"${name}"`).join(', ')}.`;
  }
  if (defaultServer in servers) {
    return `The server name "${defaultServer}" is reserved for the server of the MikroORM configuration. Choose another name.`;
  }
  if (ownServer in servers) {
    return `The server name "${ownServer}" is reserved for tenants on dedicated servers. Choose another name.`;
  }
  return limitsFault(servers, connections);
}

const servedAs: readonly PendingMigrations[] = ['serve', 'read-only', 'refuse'];

function limitsFault(
  servers: NonNullable<OrmOptions['servers']>,
  connections: ConnectionLimits | undefined,
): string | undefined {
  const all = [
    ['connections', connections] as const,
    ...Object.entries(servers).map(([name, server]) => [`servers.${name}.connections`, server.connections] as const),
  ];
  const faults = all.map(([option, limits]) => [option, limits && faultOfLimits(limits)]);
  return faults.find(([, fault]) => fault)?.join(' ');
}

/** Adds the tenant and domain entities, always in central, and makes entities of the schema `*` plain tenant entities. */
export function withCentralEntities(config: Options, declared: readonly Declared[]): Options {
  return {
    ...config,
    entities: [...new Set([...(config.entities ?? []), ...declared])] as NonNullable<Options['entities']>,
    discovery: {
      ...config.discovery,
      onMetadata: async (meta, platform) => {
        if (declared.some((entity) => classOf(entity) === meta.class)) {
          meta.schema = centralSchema;
          leaveUncached(meta.class);
        }
        await config.discovery?.onMetadata?.(meta, platform);
        // MikroORM leaves a wildcard's table out of migrations.
        if (meta.schema === '*') delete meta.schema;
      },
    },
  };
}

/** An entity as MikroORM accepts it: a class, or what `defineEntity` returns. */
export type Declared = object;

function classOf(entity: Declared): unknown {
  return 'meta' in entity ? (entity.meta as EntityMetadata).class : entity;
}
