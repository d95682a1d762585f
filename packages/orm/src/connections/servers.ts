import { defaultServer } from '../placement/placement.ts';
import type { Database } from '../sql/client.ts';
import { maintenanceOf } from '../vault/server-url.ts';
import type { Vault } from '../vault/vault.ts';
import type { ConnectionLimits } from './limits.ts';
import type { ConnectionOptions } from './pg.ts';

/** A further database server. What it leaves out is as the MikroORM configuration says. */
export interface ServerOptions extends ConnectionOptions {
  /** The database to be connected to while another is created or dropped. Default: `postgres`. */
  readonly maintenanceDatabase?: string;
  /** What the server is asked for. What is left out is as the option `connections` says. */
  readonly connections?: ConnectionLimits;
  /** How many connections each database of this server may have. Default: as the MikroORM configuration says, else 10. */
  readonly pool?: { readonly max?: number };
}

/** The servers by name, the configuration's own included. */
export function serverOptions(
  further: Readonly<Record<string, ServerOptions>> = {},
): ReadonlyMap<string, ServerOptions> {
  return new Map([[defaultServer, {}], ...Object.entries(further)]);
}

/** The database of a server that is connected to while another is made or dropped. */
export function maintenanceOn(servers: ReadonlyMap<string, ServerOptions>, central: Database) {
  return (server: string): Database => ({
    server,
    database: server === defaultServer ? central.database : (servers.get(server)?.maintenanceDatabase ?? 'postgres'),
  });
}

/** That of the server where a place is, which may be a tenant's own: then its URL names it. */
export function maintenanceFor(on: (server: string) => Database, vault: Vault) {
  return async ({ server, tenant = '', url }: Database): Promise<Database> =>
    url === undefined
      ? on(server)
      : { server, tenant, url, database: maintenanceOf(await vault.open({ tenant, url })) };
}
