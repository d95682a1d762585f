import type { EntityClass, EntityMetadata, EntitySchema, Options } from '@mikro-orm/core';
import { TenancyError } from '@omnitenant/core';
import type { DomainEntity, TenantEntity } from './entities.ts';
import { centralSchema } from './entity-scope.ts';
import { defaultServer, type Isolation, isolations, type PlacementNames } from './placement.ts';
import type { ServerOptions } from './servers.ts';

/** What omnitenant is told beside the MikroORM configuration. */
export interface OrmOptions<E extends TenantEntity = TenantEntity> {
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
  /**
   * Gives each new tenant a database role of its own, which owns what is its and which its statements run as, so that raw
   * SQL that names another tenant's schema is refused by PostgreSQL. The connection's user must be allowed to create
   * roles. Default: false.
   */
  readonly roles?: boolean;
  /** Names what a tenant gets where its placement says nothing. */
  readonly names?: PlacementNames;
}

/**
 * Refuses what cannot be right before anything is opened.
 *
 * @throws CONFIG_INVALID
 */
export const checkConfig = (
  config: Options | undefined,
  { isolation, servers }: Pick<OrmOptions, 'isolation' | 'servers'>,
): void => {
  const fault = !config?.driver
    ? 'createOrm needs a MikroORM configuration with a driver: give it what defineConfig of @mikro-orm/postgresql or @mikro-orm/pglite returns.'
    : config.replicas?.length
      ? 'The MikroORM configuration names read replicas, which do not know tenants yet. Leave replicas out.'
      : isolation && !isolations.includes(isolation)
        ? `There is no isolation '${isolation}'. There are: ${isolations.join(', ')}.`
        : servers && defaultServer in servers
          ? `The server '${defaultServer}' is the one that the MikroORM configuration names. Call yours something else.`
          : undefined;
  if (fault) throw new TenancyError('CONFIG_INVALID', fault);
};

/** Adds the tenant and domain entities, and fixes them to central whatever they declare. */
export const withCentralEntities = (config: Options, declared: readonly Declared[]): Options => ({
  ...config,
  entities: [...new Set([...(config.entities ?? []), ...declared])] as NonNullable<Options['entities']>,
  discovery: {
    ...config.discovery,
    onMetadata: async (meta, platform) => {
      if (declared.some((entity) => classOf(entity) === meta.class)) meta.schema = centralSchema;
      await config.discovery?.onMetadata?.(meta, platform);
    },
  },
});

/** An entity as MikroORM takes it: a class, or what defineEntity returns. */
export type Declared = object;

const classOf = (entity: Declared): unknown => ('meta' in entity ? (entity.meta as EntityMetadata).class : entity);
