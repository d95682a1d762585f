import type { Options } from '@mikro-orm/core';
import { TenancyError } from '@omnitenant/core';
import {
  connectionClassOf,
  type DatabaseKind,
  type DatabaseOrm,
  initDatabaseOrm,
  type RefusedMembers,
  type TenantEntityManager,
} from '@omnitenant/orm/extend';
import { MysqlAdapter, MysqlIntrospector, MysqlQueryCompiler } from 'kysely';
import type { ServerOptions } from '../sessions/wire.ts';
import { quoteName } from '../sql/quote.ts';
import { lengthInGrant } from '../storage/names.ts';

/** What is read of a MikroORM configuration: the server, and the login that creates databases and users. */
export interface MariadbServer {
  readonly server: ServerOptions;
  readonly user: string;
  readonly password: string;
  /** The database of central, whose name is the application's. */
  readonly database: string;
}

/** Initialises the one MikroORM that all tenants' databases share. */
export function initMariadbOrm(
  config: Partial<Options>,
  current: () => TenantEntityManager | undefined,
): Promise<DatabaseOrm> {
  const dbName = applicationOf(config);
  return initDatabaseOrm(config, { check: refuseOtherDrivers, kind: 'a database of MariaDB', dbName, current });
}

/** What Kysely knows of MariaDB. */
export const mariadbKind: DatabaseKind = {
  createAdapter: () => new MysqlAdapter(),
  createIntrospector: (kysely) => new MysqlIntrospector(kysely),
  createQueryCompiler: () => new MysqlQueryCompiler(),
  quoteName,
};

/** Members of MikroORM's connection that go past the sessions. */
export const mariadbRefused: RefusedMembers = { getNativeClient: 'Use em.execute() or em.getKysely().' };

/** The options of connections, as MikroORM itself makes them from its configuration. */
export function serverOf(orm: DatabaseOrm, config: Partial<Options>): MariadbServer {
  const Connection = connectionClassOf(orm);
  const own = new Connection(orm.config, undefined, 'write') as unknown as OptionsConnection;
  const given = typeof config.driverOptions === 'object' ? config.driverOptions : {};
  const { user, password, database, charset, ...server } = own.mapOptions(given as object);
  if (typeof password === 'function') {
    throw new TenancyError('CONFIG_INVALID', 'createMariadb() needs the password itself, and not a function.');
  }
  for (const option of ['connectionLimit', 'idleTimeout', 'maxIdle', 'multipleStatements']) delete server[option];
  return {
    server: { ...(server as object), charset: charset ?? 'utf8mb4' },
    user: user ?? 'root',
    password: password ?? '',
    database: database ?? '',
  };
}

interface OptionsConnection {
  mapOptions(overrides: object): Record<string, unknown> & {
    readonly user?: string;
    readonly password?: string;
    readonly database?: string;
    readonly charset?: string;
  };
}

/** @throws CONFIG_INVALID where it does not name databases of tenants. */
function applicationOf({ dbName }: Partial<Options>): string {
  const isName = typeof dbName === 'string' && /^[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?$/.test(dbName);
  if (isName && lengthInGrant(dbName) <= 40) return dbName;
  throw new TenancyError(
    'CONFIG_INVALID',
    'createMariadb() needs the dbName of the database of central, of at most 40 lower-case letters, digits, hyphens and underscores, which count twice: the names ' +
      'of tenants’ databases and users begin with it.',
  );
}

/** Options of MikroORM that would be about connections of its own, and what to do instead. */
const refusedOptions = {
  multipleStatements: 'a message has one statement; remove it',
  pool: 'the option connections of createMariadb() says how many there are',
  replicas: 'all statements go to one server; remove it',
};

/** @throws CONFIG_INVALID for a configuration of another database, whose errors would come later. */
function refuseOtherDrivers({ driver, config }: DatabaseOrm): void {
  // The names of classes do not survive a minifier.
  if (!driver.getDependencies().includes('mysql2')) {
    throw new TenancyError(
      'CONFIG_INVALID',
      `createMariadb needs the driver of @mikro-orm/mariadb, and the MikroORM configuration has another, "${driver.constructor.name}". ` +
        'Pass it what defineConfig of that package returns.',
    );
  }
  for (const [option, instead] of Object.entries(refusedOptions)) {
    const value = config.get(option as never, undefined as never) as unknown;
    if (!value || (Object.keys(Object(value)).length === 0 && value !== true)) continue;
    throw new TenancyError(
      'CONFIG_INVALID',
      `The MikroORM option ${option} is refused by createMariadb(): ${instead}.`,
    );
  }
}
