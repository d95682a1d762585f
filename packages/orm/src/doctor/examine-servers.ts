import { isTenancyError, type Tenant } from '@omnitenant/core';
import type { TenantStore } from '@omnitenant/core/extend';
import { openPool } from '../connections/pg.ts';
import type { Pools } from '../connections/pools.ts';
import type { ServerAddress } from '../connections/server-address.ts';
import type { ServerOptions } from '../connections/servers.ts';
import { type BaseOrm, serverOf } from '../mikro-orm/base-orm.ts';
import { defaultServer, type Isolation, isolations, placementOf } from '../placement/placement.ts';
import type { Database } from '../sql/client.ts';
import { quoteText } from '../sql/quote.ts';
import { urlOf } from '../vault/server-url.ts';
import type { Vault } from '../vault/vault.ts';
import { type DoctorOptions, type DoctorReport, examineDatabase, notAServer } from './doctor.ts';

/** How the servers are examined. */
export interface ExamineServersOptions extends DoctorOptions {
  /** The most servers of tenants' own that are examined, each once. Default: 20. */
  readonly maxOwnServers?: number | undefined;
}

/** What the doctor found out about one server. It contains no credentials. */
export interface ServerExamination {
  /** Its name in the configuration, or `own` for a tenant's own server. */
  readonly server: string;
  /** A tenant whose own server it is. */
  readonly tenant?: string | undefined;
  /** How long that took, in milliseconds. */
  readonly ms: number;
  /** The isolations that tenants on it can have. */
  readonly isolations: readonly Isolation[];
  /** `undefined` where it could not be examined. */
  readonly report?: DoctorReport | undefined;
  /** Why it could not be examined. */
  readonly fault?: string | undefined;
}

/** The servers that were examined, that of the MikroORM configuration first. */
export interface ServersReport {
  readonly servers: readonly ServerExamination[];
  /** How many servers of tenants' own were left out, as there are more than `maxOwnServers`. */
  readonly leftOut: number;
}

/** What the servers are reached with. */
export interface ExamineServersParts {
  readonly base: BaseOrm;
  readonly driverOptions: unknown;
  readonly pools: Pools;
  readonly servers: ReadonlyMap<string, ServerOptions>;
  readonly central: Database;
  readonly maintenance: (server: string) => Database;
  readonly store: TenantStore;
  readonly vault: Vault;
  readonly addressOf: (database: Database) => Promise<ServerAddress>;
}

export async function examineServers(
  parts: ExamineServersParts,
  { maxOwnServers = 20, ...options }: ExamineServersOptions = {},
): Promise<ServersReport> {
  const { base, central, servers } = parts;
  if (serverOf(base).isEmbedded) throw notAServer();
  const since = performance.now();
  const report = await examineDatabase(opener(parts), central, options);
  const examined: ServerExamination[] = [{ server: defaultServer, ms: msSince(since), isolations, report }];
  for (const [server, connection] of servers) {
    if (server !== defaultServer) examined.push(await examineConfigured(parts, server, connection, options));
  }
  const own = await ownServers(parts);
  for (const tenant of own.slice(0, maxOwnServers)) examined.push(await examineOwn(parts, tenant, options));
  return { servers: examined, leftOut: Math.max(own.length - maxOwnServers, 0) };
}

/** Opens pools as the application's own pools are opened, with other limits. */
function opener({ base, driverOptions }: ExamineServersParts, connection: ServerOptions = {}) {
  return (dbName: string, limits: object) =>
    openPool(base, { ...(driverOptions as object), ...limits }, { ...connection, pool: {}, dbName });
}

/** Examines the database that tenants of the server share, or where there is none, the maintenance database. */
async function examineConfigured(
  parts: ExamineServersParts,
  server: string,
  connection: ServerOptions,
  options: DoctorOptions,
): Promise<ServerExamination> {
  const maintenance = parts.maintenance(server);
  const { database } = parts.central;
  return orFault({ server, isolations }, async () => {
    const shared = await parts.pools.query(
      maintenance,
      `select from pg_database where datname = ${quoteText(database)}`,
    );
    if (shared.length > 0)
      return { report: await examineDatabase(opener(parts, connection), { server, database }, options) };
    return {
      isolations: ownDatabaseOnly,
      report: await examineDatabase(opener(parts, connection), maintenance, options),
    };
  });
}

async function examineOwn(
  parts: ExamineServersParts,
  tenant: Tenant,
  options: DoctorOptions,
): Promise<ServerExamination> {
  const target = placementOf(tenant);
  return orFault({ server: target.server, tenant: tenant.id, isolations: ownDatabaseOnly }, async () => {
    const server = await parts.vault.open({ tenant: tenant.id, url: target.url as string });
    const open = opener(parts);
    return {
      report: await examineDatabase(
        (database, limits) => {
          const pool = open(database, limits);
          Object.assign(pool.options, { connectionString: urlOf(server, database) });
          return pool;
        },
        target,
        options,
      ),
    };
  });
}

const ownDatabaseOnly: readonly Isolation[] = ['database'];

/** A server that cannot be examined hides no other. */
async function orFault(
  known: Omit<ServerExamination, 'ms'>,
  examine: () => Promise<Partial<ServerExamination>>,
): Promise<ServerExamination> {
  const since = performance.now();
  try {
    const found = await examine();
    return { ...known, ms: msSince(since), ...found };
  } catch (error) {
    if (!isTenancyError(error)) throw error;
    return { ...known, ms: msSince(since), fault: error.message };
  }
}

function msSince(start: number): number {
  return Math.round(performance.now() - start);
}

/** One tenant for each server that is not in the configuration. Those whose credentials cannot be read are all listed. */
async function ownServers({ store, addressOf }: ExamineServersParts): Promise<Tenant[]> {
  const byAddress = new Map<string, Tenant>();
  try {
    for await (const tenant of store.all({ isolation: 'database' })) {
      if (tenant.placement.url === undefined) continue;
      const address = await addressOf(placementOf(tenant)).then(
        ({ host, port }) => `${host}:${port}`,
        () => tenant.id,
      );
      if (!byAddress.has(address)) byAddress.set(address, tenant);
    }
  } catch (error) {
    // Without central's tables there is no tenant yet.
    if (!isTenancyError(error, 'CENTRAL_INCOMPLETE')) throw error;
  }
  return [...byAddress.values()];
}
