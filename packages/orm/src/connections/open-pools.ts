import type { Options } from '@mikro-orm/core';
import { type BaseOrm, isPglite } from '../mikro-orm/base-orm.ts';
import type { Database } from '../sql/client.ts';
import { type ConnectionLimits, limitsOf } from './limits.ts';
import { ownServers } from './own-servers.ts';
import { databaseOpener, openPglite } from './pg.ts';
import { createPools, type Pools, pglitePools } from './pools.ts';
import { ServerPools } from './server-pools.ts';
import type { ServerOptions } from './servers.ts';

/**
 * The pools of an application's servers, each under its own limits. None is connected to before it is used. `urlOf` says where
 * a database of a tenant's own server is, for each connection anew.
 */
export function openPools(
  orm: BaseOrm,
  config: Options,
  servers: ReadonlyMap<string, ServerOptions>,
  limits: ConnectionLimits | undefined,
  urlOf: (place: Database) => Promise<string>,
): Pools {
  const driverOptions = (config.driverOptions ?? {}) as PgPoolOptions;
  if (isPglite(orm)) return pglitePools(openPglite(orm, driverOptions));
  const pools = [...servers].map(([name, server]): [string, ServerPools] => [
    name,
    new ServerPools(
      limitsOf(server.connections, limits, limitsOfPg({ ...config.pool, ...driverOptions })),
      ({ database, startup }) =>
        databaseOpener(orm, withStartup(driverOptions, startup), { ...server, dbName: database }),
    ),
  ]);
  const own = ownServers(
    (onEmpty) =>
      new ServerPools(
        limitsOf(limits, limitsOfPg({ ...config.pool, ...driverOptions })),
        (place) =>
          databaseOpener(orm, withStartup(driverOptions, place.startup), { dbName: place.database }, () =>
            urlOf(place),
          ),
        onEmpty,
      ),
  );
  return createPools(new Map(pools), own);
}

function withStartup(driverOptions: PgPoolOptions, startup: string | undefined): PgPoolOptions {
  return startup === undefined
    ? driverOptions
    : { ...driverOptions, options: [driverOptions.options ?? '', startup].join(' ').trim() };
}

/** What `pg` calls our limits; its 0 stands for no limit, which here is the default. */
interface PgPoolOptions {
  readonly options?: string;
  readonly connectionTimeoutMillis?: number;
  readonly idleTimeoutMillis?: number;
  readonly maxLifetimeSeconds?: number;
}

function limitsOfPg({
  connectionTimeoutMillis = 0,
  idleTimeoutMillis = 0,
  maxLifetimeSeconds = 0,
}: PgPoolOptions): ConnectionLimits {
  return {
    ...(connectionTimeoutMillis > 0 && { waitMs: connectionTimeoutMillis }),
    ...(idleTimeoutMillis > 0 && { idleMs: idleTimeoutMillis }),
    ...(maxLifetimeSeconds > 0 && { lifetimeMs: maxLifetimeSeconds * 1_000 }),
  };
}
