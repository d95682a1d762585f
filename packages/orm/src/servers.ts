import type { ConnectionOptions } from './mikro-orm.ts';
import { defaultServer } from './placement.ts';

/** A further database server. What it leaves out is as the MikroORM configuration says. */
export interface ServerOptions extends ConnectionOptions {
  /** The database to be connected to while another is created or dropped. Default: `postgres`. */
  readonly maintenanceDatabase?: string;
  /** How many connections each pool on this server may have. Default: as the MikroORM configuration says, else 10. */
  readonly pool?: { readonly max?: number };
}

/** The servers by name, the configuration's own included. */
export const serverOptions = (
  further: Readonly<Record<string, ServerOptions>> = {},
): ReadonlyMap<string, ServerOptions> => new Map([[defaultServer, {}], ...Object.entries(further)]);
