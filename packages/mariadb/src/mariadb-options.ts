import { TenancyError, type Tenant } from '@omnitenant/core';
import { type OptionNames, type TenantStore, unknownOption } from '@omnitenant/core/extend';

/** What `createMariadb` takes besides the MikroORM configuration, whose login creates the tenants' databases and users. */
export interface MariadbOptions<EM = unknown> {
  /** The tenants' own users. They are the wall between tenants, so that there is no way without them. */
  readonly logins: LoginOptions;
  /** The connections of this process to the server, for all tenants. */
  readonly connections?: ConnectionsOptions | undefined;
  /** Fills the storage of a new tenant, in one transaction. */
  readonly seed?: ((em: EM, tenant: Tenant) => unknown) | undefined;
  /** Where the tenants are recorded: the store that `createTenancy` gets as well. Default: the database that `dbName` names. */
  readonly store?: TenantStore | undefined;
}

/** How tenants' users log in. */
export interface LoginOptions {
  /** What the passwords of the users are derived from: at least 32 characters that nobody else knows. All processes have the same. */
  readonly secret: string;
  /** Where the users may log in from, as MariaDB names hosts. Default: `%`, from everywhere. */
  readonly host?: string | undefined;
}

/** How many connections there are for tenants. Central has 4 further ones. */
export interface ConnectionsOptions {
  /** At most so many at a time. Default: 20. */
  readonly max?: number | undefined;
  /** At most so many of them in use by one tenant. Default: half of `max`. */
  readonly perTenant?: number | undefined;
  /** How long a statement waits for a connection, in milliseconds. Default: 5 000. */
  readonly waitMs?: number | undefined;
  /** How long a connection is kept that nobody uses, in milliseconds. Default: 30 000. */
  readonly idleMs?: number | undefined;
}

/** The options, with their defaults. */
export interface CheckedOptions {
  readonly secret: string;
  readonly host: string;
  readonly max: number;
  readonly perTenant: number;
  readonly waitMs: number;
  readonly idleMs: number;
}

const optionNames: OptionNames<MariadbOptions> = { logins: true, connections: true, seed: true, store: true };
const loginNames: OptionNames<LoginOptions> = { secret: true, host: true };
const connectionNames: OptionNames<ConnectionsOptions> = { max: true, perTenant: true, waitMs: true, idleMs: true };

/** @throws CONFIG_INVALID. The message does not contain the secret. */
export function checkedOptions(options: MariadbOptions): CheckedOptions {
  const { logins, connections = {} } = options;
  if (typeof logins !== 'object' || logins === null) {
    throw invalid(
      'createMariadb() needs the option logins: { secret }. Each tenant is a user of its own, and there is no way without.',
    );
  }
  const unknown =
    unknownOption(options, optionNames) ??
    unknownOption(logins, loginNames) ??
    unknownOption(connections, connectionNames);
  if (unknown !== undefined) throw invalid(`createMariadb() ${unknown}`);
  const { secret, host = '%' } = logins;
  if (typeof secret !== 'string' || secret.length < 32) {
    throw invalid('The option logins.secret of createMariadb() must have at least 32 characters.');
  }
  if (!/^[\w.%:/-]{1,255}$/.test(host)) throw invalid('The option logins.host of createMariadb() names no host.');
  const { max = 20, waitMs = 5_000, idleMs = 30_000 } = connections;
  const { perTenant = Math.ceil(max / 2) } = connections;
  for (const [name, value] of Object.entries({ max, perTenant, waitMs, idleMs })) {
    if (Number.isInteger(value) && value >= 1) continue;
    throw invalid(`The option connections.${name} of createMariadb() must be a whole number of at least 1.`);
  }
  return { secret, host, max, perTenant, waitMs, idleMs };
}

function invalid(message: string): TenancyError {
  return new TenancyError('CONFIG_INVALID', message);
}
