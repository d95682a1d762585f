import { defaultServer } from '../placement/placement.ts';
import type { Database } from '../sql/client.ts';
import { maintenanceOf } from '../vault/server-url.ts';
import type { Vault } from '../vault/vault.ts';
import type { ConnectionLimits } from './limits.ts';
import type { ConnectionOptions } from './pg.ts';

/** An additional database server. Omitted options come from the MikroORM configuration. */
export interface ServerOptions extends ConnectionOptions {
  /** The database to connect to while another is created or dropped. Default: `postgres`. */
  readonly maintenanceDatabase?: string | undefined;
  /** Limits on the connections to this server. Default, for each of them: the option `connections`. */
  readonly connections?: ConnectionLimits | undefined;
  /** How many connections each database of this server may have. Default: as in the MikroORM configuration, else as many as the server. */
  readonly pool?: { readonly max?: number };
}

/** The servers by name, including the one of the MikroORM configuration. */
export function serverOptions(
  further: Readonly<Record<string, ServerOptions>> = {},
): ReadonlyMap<string, ServerOptions> {
  return new Map([[defaultServer, {}], ...Object.entries(further)]);
}

/** The database of a configured server to connect to while another is created or dropped. */
export function maintenanceOn(servers: ReadonlyMap<string, ServerOptions>, central: Database) {
  return (server: string): Database => ({
    server,
    database: server === defaultServer ? central.database : (servers.get(server)?.maintenanceDatabase ?? 'postgres'),
  });
}

/** The same for any database, which may be on a tenant's own server: then the server's URL names it. */
export function maintenanceFor(on: (server: string) => Database, vault: Vault) {
  return async ({ server, tenant = '', url }: Database): Promise<Database> =>
    url === undefined
      ? on(server)
      : { server, tenant, url, database: maintenanceOf(await vault.open({ tenant, url })) };
}
