/**
 * Everything that leans on MikroORM's internals, in one place; `mikro-orm.test.ts` fails loudly when a new version changes
 * one of them.
 */
import {
  type AbortQueryOptions,
  type Connection,
  type EntityMetadata,
  MikroORM,
  type Options,
  Utils,
} from '@mikro-orm/core';
import {
  type AbstractSqlConnection,
  type AbstractSqlDriver,
  type EntityManager,
  SchemaGenerator,
} from '@mikro-orm/sql';
import { isTenancyError, TenancyError } from '@omnitenant/core';
import { PostgresDialect } from 'kysely';
import Cursor from 'pg-cursor';
import type { DatabaseOpener } from './connections/database-pool.ts';
import { TenantEntityManager } from './entity-manager.ts';
import { centralSchema, type EntityScope, type EntityScopes } from './entity-scope.ts';
import { flushGuard, type ScopedDriver } from './ownership.ts';
import { type Pglite, pglitePool } from './pglite-pool.ts';
import type { PinnedPool } from './pin.ts';
import type { QueryResult, SqlConnection, SqlPool } from './sql-pool.ts';

export type BaseOrm = MikroORM<AbstractSqlDriver, TenantEntityManager>;

let instances = 0;

/**
 * Initialises the one MikroORM that all tenants share: its entities are discovered once, and it has no connection.
 * Its EntityManager finds the current scope's through `current`, and where there is none, `current` refuses.
 */
export const initBaseOrm = async (
  config: Partial<Options>,
  current: () => TenantEntityManager | undefined,
): Promise<BaseOrm> => {
  instances += 1;
  const orm = (await MikroORM.init({
    ...config,
    // MikroORM finds an open transaction by this name, so no other MikroORM of the process may bear it.
    contextName: config.contextName ?? `omnitenant-${instances}`,
    migrations: { silent: true, ...config.migrations, snapshotOnMigrate: false },
    subscribers: [flushGuard, ...(config.subscribers ?? [])],
    ensureDatabase: false,
    entityManager: TenantEntityManager,
    driverOptions: noConnection,
  } as Options)) as unknown as BaseOrm;
  const { driver } = orm;
  const convert = driver.convertException;
  driver.convertException = (exception) =>
    isTenancyError(exception) ? (exception as never) : convert.call(driver, exception);
  orm.em.beGlobal(current);
  return orm;
};

const noConnection = (): never => {
  throw new TenancyError(
    'OUTSIDE_SCOPE',
    'The database was asked for outside of any scope. Enter one with tenancy.run or tenancy.central.',
  );
};

/** Derives scoped drivers from the base's: microseconds and about 4 KB each. */
export const scopedDrivers = (orm: BaseOrm, scopes: EntityScopes) => {
  const { driver } = orm;
  const ScopedConnection = scopedConnectionClass(connectionClassOf(orm));
  const prototypes = {
    tenant: scopedPrototype(orm, scopes, 'tenant'),
    row: withTenantInConflicts(scopedPrototype(orm, scopes, 'tenant')),
    central: scopedPrototype(orm, scopes, 'central'),
  };
  return (kind: 'tenant' | 'row' | 'central', scopeKey: string, scopeLabel: string, pool: PinnedPool): ScopedDriver => {
    const scoped = Object.create(prototypes[kind]) as ScopedDriver;
    const dialect = () => new PostgresDialect({ pool: pool as never, cursor: Cursor as never });
    const connection = new ScopedConnection(orm.config, { driverOptions: dialect }, 'write');
    connection.pool = pool;
    connection.setMetadata(orm.getMetadata());
    connection.setPlatform(driver.getPlatform());
    Object.assign(scoped, { scopeKey, scopeLabel, connection, replicas: [] });
    return scoped;
  };
};

/**
 * A connection that sends a statement to its pool itself. MikroORM sends it through Kysely, of which each tenant would
 * have one to keep at hand; transactions, streams and what can be aborted still go that way.
 */
const scopedConnectionClass = (ConnectionClass: ConnectionConstructor): ScopedConnectionConstructor => {
  const { execute } = ConnectionClass.prototype as AbstractSqlConnection;
  class ScopedConnection extends (ConnectionClass as unknown as new (...parameters: unknown[]) => object) {
    declare pool: PinnedPool;

    async execute(...parameters: Parameters<AbstractSqlConnection['execute']>): Promise<unknown> {
      const [query, params = [], method = 'all', transaction, loggerContext] = parameters;
      const { signal, inflightQueryAbortStrategy } = (loggerContext ?? {}) as Partial<AbortQueryOptions>;
      const own = this as unknown as ConnectionInternals;
      if (transaction || signal || inflightQueryAbortStrategy) return execute.apply(this as never, parameters);
      const prepared = own.prepareQuery(query, params);
      const sql = own.getSql(prepared.query, prepared.formatted, loggerContext);
      const shape = Array.isArray(params) && params.length > 0 && params.every(isValue) ? prepared.query : undefined;
      const send = async () =>
        own.transformRawResult(resultOf(await this.pool.send(prepared.formatted, shape)), method);
      return own.executeQuery(sql, send, { ...prepared, ...loggerContext });
    }
  }
  return ScopedConnection as unknown as ScopedConnectionConstructor;
};

type ScopedConnectionConstructor = new (
  ...parameters: ConstructorParameters<typeof Connection>
) => AbstractSqlConnection & { pool: PinnedPool };

/** What MikroORM's connection keeps to itself. */
interface ConnectionInternals {
  prepareQuery(query: unknown, params: unknown): { readonly query: string; readonly formatted: string };
  getSql(query: string, formatted: string, context: unknown): string;
  transformRawResult(result: object, method: string): unknown;
  executeQuery(sql: string, send: () => Promise<unknown>, context: object): Promise<unknown>;
}

/** A parameter that is written as a value in any case; an object may be a piece of SQL. */
const isValue = (parameter: unknown): boolean =>
  typeof parameter !== 'object' || parameter === null || parameter instanceof Date;

/** What Kysely would have made of a result. */
const resultOf = (result: QueryResult | QueryResult[]): { rows: object[]; numAffectedRows?: bigint } => {
  if (Array.isArray(result)) return { rows: [] };
  const { command, rowCount, rows } = result;
  return writes.has(command) ? { rows: rows ?? [], numAffectedRows: BigInt(rowCount ?? 0) } : { rows: rows ?? [] };
};

const writes: ReadonlySet<string> = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE']);

/** What a scope's driver does differently: it knows which entities are here. */
const scopedPrototype = (orm: BaseOrm, scopes: EntityScopes, kind: 'tenant' | 'central'): AbstractSqlDriver => {
  const { driver } = orm;
  const base = Object.getPrototypeOf(driver) as AbstractSqlDriver;
  const check = (meta: EntityMetadata | undefined, label: string): EntityScope | undefined => {
    const scope = meta && scopes.get(meta);
    if (scope && scope !== kind && scope !== 'shared') throw outOfScope(meta, scope, label);
    return scope;
  };
  return Object.assign(Object.create(driver) as AbstractSqlDriver, {
    /** The pin says where unqualified names lead, so only central tables are qualified. */
    getSchemaName(this: ScopedDriver, meta?: EntityMetadata, options?: { schema?: string }) {
      const scope = check(meta, this.scopeLabel);
      if (!scope) return base.getSchemaName.call(this, meta as never, options as never);
      return kind === 'central' ? centralSchema : undefined;
    },
    createQueryBuilder(this: ScopedDriver, entityName: never, ...rest: []) {
      check(orm.getMetadata().find(entityName), this.scopeLabel);
      return base.createQueryBuilder.call(this, entityName, ...rest);
    },
  });
};

/** Where tenants share tables, a unique key begins with the tenant, and so does the conflict that an upsert names. */
const withTenantInConflicts = (prototype: AbstractSqlDriver): AbstractSqlDriver => {
  const { createQueryBuilder } = prototype;
  return Object.assign(prototype, {
    createQueryBuilder(this: AbstractSqlDriver, ...parameters: Parameters<typeof createQueryBuilder>) {
      const builder = createQueryBuilder.apply(this, parameters);
      const { onConflict } = builder;
      builder.onConflict = ((fields: string | string[] = []) =>
        onConflict.call(builder, ['tenant_id', ...Utils.asArray(fields)] as never)) as typeof onConflict;
      return builder;
    },
  });
};

const outOfScope = (meta: EntityMetadata, scope: EntityScope, label: string): TenancyError =>
  scope === 'central'
    ? new TenancyError(
        'ENTITY_OUT_OF_SCOPE',
        `${meta.className} is a central entity, and this is the scope of the tenant '${label}'. Reach it inside tenancy.central(…).`,
        { tenant: label },
      )
    : new TenancyError(
        'ENTITY_OUT_OF_SCOPE',
        `${meta.className} is the tenants' entity, and this is the central scope, which is in no tenant. Reach it inside tenancy.run(…).`,
      );

/** What a server needs to be told beyond the MikroORM configuration, which is the default for all of them. */
export interface ConnectionOptions {
  readonly clientUrl?: string;
  readonly host?: string;
  readonly port?: number;
  readonly user?: string;
  readonly password?: string;
}

/** How long a statement waits for a connection of its pool, in milliseconds, unless driverOptions say otherwise. */
const connectionTimeoutMillis = 10_000;

/** Makes the pool of one database with MikroORM's own connection, so that its options and type parsers hold. */
export const openPool = (
  orm: BaseOrm,
  driverOptions: object,
  options: ConnectionOptions & { readonly dbName: string; readonly pool?: { readonly max?: number } },
): PgPool => {
  const ConnectionClass = connectionClassOf(orm);
  let pool: PgPool | undefined;
  const connection = new ConnectionClass(
    orm.config,
    {
      ...options,
      driverOptions: {
        connectionTimeoutMillis,
        ...driverOptions,
        ...options.pool,
        onPoolCreated: (created: PgPool) => (pool = created),
      },
    } as never,
    'write',
  );
  connection.getClient();
  if (!pool) throw new TypeError('MikroORM has made no pool: driverOptions must be options of pg.');
  return pool;
};

/**
 * Opens connections to one database, as the pool that MikroORM makes for it would; where there is a `url`, it is asked for each
 * of them, decides where it leads, and is not kept.
 */
export const databaseOpener = (
  orm: BaseOrm,
  driverOptions: object,
  connection: Parameters<typeof openPool>[2],
  url?: () => Promise<string>,
): DatabaseOpener => {
  const { Client, options } = openPool(orm, driverOptions, connection);
  const close = async (client: PgClient): Promise<void> => {
    const cut = setTimeout(() => client.connection.stream.destroy(), closingMillis);
    await client.end();
    clearTimeout(cut);
  };
  return {
    max: options.max,
    open: async () => {
      const client = new Client(url ? { ...options, connectionString: await url() } : options);
      client.on('error', (error) =>
        orm.config.getLogger().warn('info', `PostgreSQL connection error: ${error.message}`),
      );
      try {
        await client.connect();
        // It connects once.
        client.password = null;
        client.connectionParameters.password = null;
        return client;
      } catch (error) {
        await close(client);
        throw error;
      }
    },
    close: (client) => close(client as PgClient),
  };
};

/** How long a server has to answer that a connection is closed, in milliseconds. */
const closingMillis = 5_000;

export const openPglite = (orm: BaseOrm, driverOptions: object): SqlPool => {
  const connection = new (connectionClassOf(orm))(orm.config, { driverOptions } as never, 'write');
  return pglitePool(() => connection.getNativeClient() as unknown as Promise<Pglite>);
};

interface PgPool extends SqlPool {
  readonly options: { readonly max: number };
  readonly Client: new (options: object) => PgClient;
}

interface PgClient extends SqlConnection {
  connect(): Promise<unknown>;
  end(): Promise<void>;
  on(event: 'error' | 'end', listener: (error: Error) => void): this;
  readonly connection: { readonly stream: { destroy(): void } };
  password: unknown;
  readonly connectionParameters: { password: unknown };
}

/** Whether the configured driver is PGlite's. */
export const isPglite = (orm: BaseOrm): boolean => connectionClassOf(orm).name === 'PgliteConnection';

/** The DDL that creates the tables of central and shared entities that `exists` does not know, to run with central's pin. */
export const centralDdl = async (orm: BaseOrm, scopes: EntityScopes, exists: ReadonlySet<string>): Promise<string> => {
  const generator = new CentralSchemaGenerator(orm.em as EntityManager);
  generator.wanted = (meta) => scopes.has(meta) && scopes.get(meta) !== 'tenant' && !exists.has(meta.tableName);
  return generator.getCreateSchemaSQL({ wrap: false });
};

class CentralSchemaGenerator extends SchemaGenerator {
  wanted: (meta: EntityMetadata) => boolean = () => false;

  override getOrderedMetadata(...args: Parameters<SchemaGenerator['getOrderedMetadata']>): EntityMetadata[] {
    return super.getOrderedMetadata(...args).filter((meta) => this.wanted(meta));
  }
}

/** The values of a loaded entity's columns; a relation becomes the primary key that it holds. */
export const columnsOf = <T>(entity: object, meta: EntityMetadata): T => {
  const columns: Record<string, unknown> = {};
  for (const property of meta.props) {
    if (property.persist === false || property.kind === '1:m' || property.kind === 'm:n') continue;
    const value = (entity as Record<string, unknown>)[property.name];
    columns[property.name] = Utils.isEntity(value, true) ? Utils.extractPK(value) : value;
  }
  return columns as T;
};

type ConnectionConstructor = new (...parameters: ConstructorParameters<typeof Connection>) => AbstractSqlConnection;

const connectionClassOf = (orm: BaseOrm): ConnectionConstructor =>
  orm.driver.getConnection().constructor as unknown as ConnectionConstructor;
