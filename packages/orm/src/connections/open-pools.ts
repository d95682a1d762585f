import type { Options } from '@mikro-orm/core';
import { type BaseOrm, serverOf } from '../mikro-orm/base-orm.ts';
import type { RowLogin } from '../placement/row-login.ts';
import type { Database } from '../sql/client.ts';
import type { ConnectionTarget } from './database-pool.ts';
import { FairServer } from './fair-server.ts';
import { type ConnectionLimits, limitsOf } from './limits.ts';
import { ownServerPools } from './own-server-pools.ts';
import { databaseOpener, openPglite } from './pg.ts';
import { createPools, type Pools, pglitePools } from './pools.ts';
import { openReplication, replicationOptions } from './replication.ts';
import type { ServerOptions } from './servers.ts';

/**
 * The pools of an application's servers, each with its own limits. None connects before it is used. `urlOf` is called for
 * each connection to a tenant's own server, and returns the URL of the database. `rowPassword` is that of the login of tenants that
 * share tables.
 */
export function openPools(
  orm: BaseOrm,
  config: Options,
  servers: ReadonlyMap<string, ServerOptions>,
  limits: ConnectionLimits | undefined,
  urlOf: (database: Database) => Promise<string>,
  rowPassword?: RowLogin['password'],
): Pools {
  const driverOptions = (config.driverOptions ?? {}) as PgPoolOptions;
  if (serverOf(orm).isEmbedded) return pglitePools(openPglite(orm, driverOptions));
  const configured = limitsOfPg({ ...config.pool, ...driverOptions });

  function poolsOf(server: ServerOptions): FairServer {
    const opener = ({ database, startup, login }: ConnectionTarget) =>
      databaseOpener(orm, withStartup(driverOptions, startup), {
        ...server,
        dbName: database,
        ...(login !== undefined && { user: login, password: rowPassword ?? '' }),
      });
    return new FairServer(limitsOf(server.connections, limits, configured), opener);
  }
  function poolsOfOwn(onEmpty: () => void): FairServer {
    const opener = (target: ConnectionTarget) =>
      databaseOpener(orm, withStartup(driverOptions, target.startup), { dbName: target.database }, () => urlOf(target));
    return new FairServer(limitsOf(limits, configured), opener, onEmpty);
  }
  function replicate(database: Database) {
    const options = { ...driverOptions, ...replicationOptions };
    const connection = { dbName: database.database };
    return openReplication(
      database.url === undefined
        ? databaseOpener(orm, options, { ...servers.get(database.server), ...connection })
        : databaseOpener(orm, options, connection, () => urlOf(database)),
    );
  }
  const named = [...servers].map(([name, server]) => [name, poolsOf(server)] as const);
  return createPools(new Map(named), ownServerPools(poolsOfOwn), replicate);
}

function withStartup(driverOptions: PgPoolOptions, startup: string | undefined): PgPoolOptions {
  return startup === undefined
    ? driverOptions
    : { ...driverOptions, options: [driverOptions.options ?? '', startup].join(' ').trim() };
}

/** The limits that `pg` knows, by its names for them. Its 0 means no limit; here it means the default. */
interface PgPoolOptions {
  readonly options?: string;
  readonly connectionTimeoutMillis?: number;
  readonly idleTimeoutMillis?: number;
  readonly maxLifetimeSeconds?: number;
}

function limitsOfPg({
  connectionTimeoutMillis,
  idleTimeoutMillis,
  maxLifetimeSeconds = 0,
}: PgPoolOptions): ConnectionLimits {
  return {
    waitMs: connectionTimeoutMillis || undefined,
    idleMs: idleTimeoutMillis || undefined,
    lifetimeMs: maxLifetimeSeconds * 1_000 || undefined,
  };
}
