import type { EntityClass, EntityMetadata, EntitySchema, Options } from '@mikro-orm/core';
import { TenancyError } from '@omnitenant/core';
import type { DomainEntity, TenantEntity, TenantOf } from './central/tenant-entity.ts';
import { type ConnectionLimits, faultOfLimits } from './connections/limits.ts';
import type { ServerOptions } from './connections/servers.ts';
import type { DriverEntityManager } from './entities/entity-manager-class.ts';
import { centralSchema } from './entities/entity-scope.ts';
import type { MigrationSource } from './mikro-orm/migrator-options.ts';
import type { PendingMigrations } from './mikro-orm/pending-migrations.ts';
import { defaultServer, type Isolation, isolations, ownServer, type PlacementNames } from './placement/placement.ts';

/** What omnitenant is told beside the MikroORM configuration. */
export interface OrmOptions<E extends TenantEntity = TenantEntity, EM = DriverEntityManager> {
  /** How a tenant's rows are kept apart when it says nothing else. Default: `schema`. */
  readonly isolation?: Isolation;
  /** The application's tenant entity, which extends `TenantEntity`. Default: one with no further columns. */
  readonly tenant?: EntityClass<E> | EntitySchema<E>;
  /** The application's domain entity, which extends `DomainEntity`. */
  readonly domain?: EntityClass<DomainEntity> | EntitySchema<DomainEntity>;
  /** Entities that have a table in central and one in each tenant. */
  readonly shared?: readonly (EntityClass<unknown> | EntitySchema)[];
  /** Further database servers that tenants may be placed on, by name. */
  readonly servers?: Readonly<Record<string, ServerOptions>>;
  /** What the credentials of tenants on servers of their own are sealed with. */
  readonly credentials?: {
    /**
     * Keys of 32 bytes as base64url, as `generateCredentialsKey()` makes them, with commas between them: the first seals, and all of them
     * open. Default: the environment variable OMNITENANT_KEYS.
     */
    readonly keys?: string;
  };
  /** What each server is asked for at most; a server may have its own. */
  readonly connections?: ConnectionLimits;
  /**
   * Gives each new tenant a database role of its own, which owns what is its and which its statements run as, so that raw
   * SQL that names another tenant's schema is refused by PostgreSQL. The connection's user must be allowed to create
   * roles. Default: false.
   */
  readonly roles?: boolean;
  /**
   * The migrations of central and shared tables in central, kept as MikroORM keeps an application's. Default: the tables that
   * central lacks are made from the entities, and none is ever changed.
   */
  readonly centralMigrations?: MigrationSource;
  /**
   * Fills a new tenant, once it has its tables and before anybody is let in; in one transaction. When it fails, the making of
   * the tenant is undone.
   */
  readonly seed?: (em: EM, tenant: TenantOf<E>) => Promise<unknown>;
  /**
   * How to serve a tenant with pending migrations: as usual (`serve`), without writes (`read-only`), or not at all (`refuse`),
   * with MIGRATIONS_PENDING, a 503 that says when to try again. Default: `serve`.
   */
  readonly pendingMigrations?: PendingMigrations;
  /** Ends each statement of MikroORM in a comment that names its tenant, for the server's log and statistics. Default: false. */
  readonly sqlComments?: boolean;
  /** Names what a tenant gets where its placement says nothing. */
  readonly names?: PlacementNames;
}

/**
 * Refuses what cannot be right before anything is opened.
 *
 * @throws CONFIG_INVALID
 */
export function checkConfig(
  config: Options | undefined,
  { isolation, servers, connections }: Pick<OrmOptions, 'isolation' | 'servers' | 'connections'>,
): void {
  const fault = !config?.driver
    ? 'createOrm needs a MikroORM configuration with a driver: give it what defineConfig of @mikro-orm/postgresql or @mikro-orm/pglite returns.'
    : config.replicas?.length
      ? 'The MikroORM configuration names read replicas, which do not know tenants yet. Leave replicas out.'
      : isolation && !isolations.includes(isolation)
        ? `There is no isolation '${isolation}'. There are: ${isolations.join(', ')}.`
        : servers && defaultServer in servers
          ? `The server '${defaultServer}' is the one that the MikroORM configuration names. Call yours something else.`
          : servers && ownServer in servers
            ? `The server '${ownServer}' stands for the one that a tenant has of its own. Call yours something else.`
            : (hookFault(config) ?? limitsFault(servers, connections));
  if (fault) throw new TenancyError('CONFIG_INVALID', fault);
}

/** What MikroORM would call, or set, for each connection. */
function hookFault(config: Options): string | undefined {
  const hook = config.onCreateConnection
    ? 'onCreateConnection'
    : config.onReserveConnection
      ? 'onReserveConnection'
      : config.sessionContext === 'connection'
        ? "sessionContext: 'connection'"
        : undefined;
  return (
    hook &&
    `The MikroORM configuration has ${hook}, which sets the session of one user, and tenants share their connections. ` +
      "Leave it out: set what all connections begin with by driverOptions: { options: '-c name=value' } or by the role."
  );
}

function limitsFault(
  servers: OrmOptions['servers'] = {},
  connections: ConnectionLimits | undefined,
): string | undefined {
  const all = [
    ['connections', connections] as const,
    ...Object.entries(servers).map(([name, server]) => [`servers.${name}.connections`, server.connections] as const),
  ];
  const faults = all.map(([option, limits]) => [option, limits && faultOfLimits(limits)]);
  return faults.find(([, fault]) => fault)?.join(' ');
}

/** Adds the tenant and domain entities, and fixes them to central whatever they declare. */
export function withCentralEntities(config: Options, declared: readonly Declared[]): Options {
  return {
    ...config,
    entities: [...new Set([...(config.entities ?? []), ...declared])] as NonNullable<Options['entities']>,
    discovery: {
      ...config.discovery,
      onMetadata: async (meta, platform) => {
        if (declared.some((entity) => classOf(entity) === meta.class)) meta.schema = centralSchema;
        await config.discovery?.onMetadata?.(meta, platform);
      },
    },
  };
}

/** An entity as MikroORM takes it: a class, or what defineEntity returns. */
export type Declared = object;

function classOf(entity: Declared): unknown {
  return 'meta' in entity ? (entity.meta as EntityMetadata).class : entity;
}
