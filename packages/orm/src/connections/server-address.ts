import type { BaseOrm } from '../mikro-orm/base-orm.ts';
import type { Database } from '../sql/client.ts';
import type { Vault } from '../vault/vault.ts';
import type { ServerOptions } from './servers.ts';

/** Where a server listens. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  /** Whether its connections are encrypted. */
  readonly tls: boolean;
}

/** Finds the address of a database's server, as its pool does: in the tenant's own URL, else in the configuration. */
export function addressesOf(
  { config }: BaseOrm,
  servers: ReadonlyMap<string, ServerOptions>,
  vault: Vault,
): (database: Database) => Promise<ServerAddress> {
  const driverOptions = config.get('driverOptions') as { ssl?: unknown; connection?: { ssl?: unknown } } | undefined;
  const tls = Boolean(driverOptions?.ssl ?? driverOptions?.connection?.ssl);
  return async ({ server, tenant = '', url }) => {
    if (url !== undefined) return addressIn(await vault.open({ tenant, url }), tls);
    const { clientUrl, host, port } = servers.get(server) ?? {};
    const own = clientUrl ?? (host === undefined ? config.get('clientUrl') : undefined);
    const named = own === undefined ? { host: 'localhost', port: 5432, tls } : addressIn(own, tls);
    return {
      ...named,
      host: host ?? (clientUrl === undefined ? config.get('host') : undefined) ?? named.host,
      port: port ?? (clientUrl === undefined ? config.get('port') : undefined) ?? named.port,
    };
  };
}

function addressIn(url: string, tls: boolean): ServerAddress {
  const { hostname, port, searchParams } = new URL(url);
  const mode = searchParams.get('sslmode') ?? (searchParams.get('ssl') === 'true' ? 'require' : undefined);
  return {
    host: searchParams.get('host') ?? (decodeURIComponent(hostname).replace(/^\[|\]$/g, '') || 'localhost'),
    port: Number(port || 5432),
    tls: mode === undefined ? tls : mode !== 'disable',
  };
}
