import {
  type AnyEntity,
  type Configuration,
  type EntityName,
  type ForkOptions,
  Reference,
  type Transaction,
  TransactionContext,
  Utils,
} from '@mikro-orm/core';
import { type AbstractSqlDriver, SqlEntityManager } from '@mikro-orm/sql';
import { currentScope, TenancyError } from '@omnitenant/core';
import { claim, claimAll, type Owner, refuseForeign, type ScopedDriver } from './ownership.ts';

type Base = SqlEntityManager<AbstractSqlDriver>;

/**
 * The EntityManager that knows its tenant. The global one, `orm.em`, stands for the current scope's; a scope's own is a
 * fork on that scope's driver, and reaches that tenant's rows wherever it is carried.
 */
export class TenantEntityManager extends SqlEntityManager<AbstractSqlDriver> implements Owner {
  // Declared only: MikroORM's constructor calls getContext before a field of this class could be there.
  declare private current: (() => TenantEntityManager | undefined) | undefined;
  declare private forkDriver: ScopedDriver | undefined;
  declare private settingUp: boolean | undefined;

  /** Makes this the global EntityManager; `current` gives the scope's, or `undefined` outside. */
  beGlobal(current: () => TenantEntityManager | undefined): void {
    const base = this.driver;
    this.current = current;
    currents.set(this.getMetadata(), current);
    // The few calls that MikroORM makes on its own driver, not on its context's, reach the scope's as well.
    Object.defineProperty(this, 'driver', { get: () => this.forkDriver ?? current()?.driver ?? base });
  }

  /** Derives a scope's EntityManager from the global one, with the filters and subscribers that were set on it. */
  forkFor(driver: ScopedDriver): TenantEntityManager {
    this.forkDriver = driver;
    try {
      return this.fork({ disableContextResolution: true });
    } finally {
      this.forkDriver = undefined;
    }
  }

  get scopeKey(): string {
    return (this.driver as ScopedDriver).scopeKey;
  }

  get scopeLabel(): string {
    return (this.driver as ScopedDriver).scopeLabel;
  }

  override getContext(validate = true): this {
    if (this.current) return this.scopeOfGlobal();
    const context = super.getContext(validate);
    if (this.scopeKey === undefined) return context;
    refuseElsewhere(this);
    // Another tenant's transaction, or request context, is never picked up.
    return context === this || context.scopeKey === this.scopeKey ? context : this;
  }

  override fork(options: ForkOptions = {}): this {
    refuseSchema(options.schema);
    const fork = super.fork(options);
    const identities = fork.getUnitOfWork(false).getIdentityMap();
    const { store } = identities;
    identities.store = (entity) => {
      claim(entity as AnyEntity, fork);
      store.call(identities, entity);
    };
    return fork;
  }

  /** Filters are the application's, not a scope's: one that is added at start-up holds in all scopes. */
  override addFilter(...filter: Parameters<Base['addFilter']>): void {
    this.settingUp = this.current !== undefined && this.current() === undefined;
    try {
      super.addFilter(...filter);
    } finally {
      this.settingUp = false;
    }
  }

  override get schema(): string | undefined {
    return undefined;
  }

  override set schema(schema: string | null | undefined) {
    refuseSchema(schema ?? undefined);
  }

  protected override prepareOptions<Options extends object>(options: Options): Options {
    refuseSchema((options as { schema?: string }).schema);
    this.refuseTransaction((options as { ctx?: Transaction }).ctx);
    return super.prepareOptions(options as never);
  }

  /** A connection is its tenant's, as all that is asked of it. */
  override getConnection(...type: Parameters<Base['getConnection']>): ReturnType<Base['getConnection']> {
    if (!this.current) refuseElsewhere(this);
    return super.getConnection(...type);
  }

  override getDriver(): AbstractSqlDriver {
    if (!this.current) refuseElsewhere(this);
    return super.getDriver();
  }

  override async begin(...options: Parameters<Base['begin']>): Promise<void> {
    await super.begin(...options);
    this.own(this.getTransactionContext());
  }

  override setTransactionContext(transaction: Transaction): void {
    this.refuseTransaction(transaction);
    this.own(transaction);
    super.setTransactionContext(transaction);
  }

  private own(transaction: Transaction | undefined): void {
    if (transaction) transactions.set(transaction, this.getContext(false).scopeKey);
  }

  private refuseTransaction(transaction: Transaction | undefined): void {
    const of = transaction && transactions.get(transaction);
    if (of === undefined || of === this.getContext(false).scopeKey) return;
    const { scopeLabel } = this.getContext(false);
    throw new TenancyError(
      'CROSS_TENANT',
      `A transaction of another tenant was used in '${scopeLabel}'. Leave the option ctx out: what is awaited in em.transactional is in its transaction.`,
      { tenant: scopeLabel },
    );
  }

  override tryCache<T extends object, R>(
    entityName: EntityName<T>,
    config: boolean | number | [string, number] | undefined,
    key: unknown,
    refresh?: boolean,
    merge?: boolean,
  ): Promise<{ data?: R | null; key: string } | undefined> {
    if (!(config ?? this.config.get('resultCache').global)) return Promise.resolve(undefined);
    const owner = this.cacheOwner;
    const scoped: typeof config = Array.isArray(config) ? [cacheName(owner, config[0]), config[1]] : config;
    return super.tryCache<T, R>(entityName, scoped, [owner, key], refresh, merge);
  }

  override async clearCache(cacheKey: string): Promise<void> {
    await super.clearCache(cacheName(this.cacheOwner, cacheKey));
  }

  /** Printing an EntityManager asks for no scope. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    const scope = this.current ? 'of the current scope' : `of '${this.scopeLabel}'`;
    return `[EntityManager ${scope}]`;
  }

  private get cacheOwner(): string {
    return JSON.stringify([...applicationOf(this.config), this.getContext(false).scopeKey]);
  }

  private scopeOfGlobal(): this {
    if (this.settingUp || this.forkDriver) return this;
    const current = this.current?.();
    if (!current) throw outside();
    const transaction = TransactionContext.currentTransactionContext()?.em as TenantEntityManager | undefined;
    return (transaction?.scopeKey === current.scopeKey ? transaction : current) as this;
  }
}

/**
 * The calls that entities, references, conditions or data are handed to: none of them takes what is another's. Those that
 * hand all they are given to one of these, such as findOneOrFail, are not listed.
 */
const guarded = [
  'assign',
  'clone',
  'count',
  'countBy',
  'create',
  'createQueryBuilder',
  'find',
  'findOne',
  'getReference',
  'insert',
  'insertMany',
  'lock',
  'merge',
  'nativeDelete',
  'nativeUpdate',
  'persist',
  'populate',
  'refresh',
  'remove',
  'setFilterParams',
  'stream',
  'upsert',
  'upsertMany',
] as const satisfies readonly (keyof Base)[];

/** The calls after which a new entity, and what is new of all that it leads to, is this scope's. */
const claiming: ReadonlySet<string> = new Set(['assign', 'create', 'persist']);

for (const name of guarded) {
  const call = SqlEntityManager.prototype[name] as (...parameters: unknown[]) => unknown;
  function guardedCall(em: TenantEntityManager, parameters: unknown[]): unknown {
    const context = em.getContext(false);
    for (const parameter of parameters) refuseForeign(parameter, context);
    // What is awaited or read later, in another scope perhaps, is bound to this one.
    const result = call.apply(context, parameters);
    if (claiming.has(name)) {
      for (const entity of Utils.asArray(name === 'create' ? result : parameters[0])) {
        claimAll(Reference.unwrapReference(entity as AnyEntity), context);
      }
    }
    return name === 'createQueryBuilder' ? guardedBuilder(result as object, context) : result;
  }
  // A call that gives a promise refuses by rejecting it.
  const value =
    call.constructor.name === 'AsyncFunction'
      ? function (this: TenantEntityManager, ...parameters: unknown[]) {
          try {
            return guardedCall(this, parameters);
          } catch (error) {
            return Promise.reject(error);
          }
        }
      : function (this: TenantEntityManager, ...parameters: unknown[]) {
          return guardedCall(this, parameters);
        };
  Object.defineProperty(TenantEntityManager.prototype, name, { configurable: true, writable: true, value });
}

/** The calls of a query builder that take conditions or data; its others hand what they take to one of these. */
const builderCalls = ['having', 'insert', 'join', 'joinAndSelect', 'merge', 'update', 'where'] as const;

function guardedBuilder(builder: object, owner: Owner): object {
  const calls = builder as Record<string, (...parameters: unknown[]) => unknown>;
  for (const name of builderCalls) {
    const call = calls[name] as (...parameters: unknown[]) => unknown;
    calls[name] = (...parameters) => {
      for (const parameter of parameters) refuseForeign(parameter, owner);
      return call.apply(builder, parameters);
    };
  }
  return builder;
}

/** Whose a transaction is that an EntityManager has been in. */
const transactions = new WeakMap<object, string>();

/** Applications may share a cache: each has a central of its own, and perhaps tenants of the same names. */
function applicationOf(config: Configuration): readonly unknown[] {
  const url = URL.parse(config.get('clientUrl') ?? '');
  return [config.get('host') ?? url?.hostname, config.get('port') ?? url?.port, config.get('dbName')];
}

function cacheName(owner: string, name: string): string {
  return JSON.stringify([owner, name]);
}

function outside(): TenancyError {
  return new TenancyError(
    'OUTSIDE_SCOPE',
    'orm.em was used outside of any scope, so it has no tenant. Enter one with tenancy.run(tenant, …), or tenancy.central(…) for central tables.',
  );
}

/** What gives an application's EntityManager of the current scope, by what all of its EntityManagers share. */
const currents = new WeakMap<object, () => Owner | undefined>();

/** What A loaded may be read in A, and where there is no tenant; in the scope of another tenant it is a leak in the making. */
function refuseElsewhere(em: TenantEntityManager): void {
  const scope = currentScope();
  if (em.scopeKey === 'central' || scope?.kind !== 'tenant' || scope.tenant.id === em.scopeLabel) return;
  // The innermost scope may be another application's, entered in a scope of this one's.
  if (scope.parent && currents.get(em.getMetadata())?.()?.scopeKey === em.scopeKey) return;
  throw new TenancyError(
    'CROSS_TENANT',
    `An EntityManager of '${em.scopeLabel}', or an entity that it loaded, was used in the scope of '${scope.tenant.id}'. ` +
      `Use orm.em there, or enter tenancy.run('${em.scopeLabel}', …) for it.`,
    { tenant: scope.tenant.id },
  );
}

function refuseSchema(schema: string | undefined): void {
  if (schema === undefined) return;
  throw new TenancyError(
    'SCHEMA_REFUSED',
    `The schema '${schema}' was asked for. A scope has one schema, its tenant's: leave the option out, and enter another tenant with tenancy.run.`,
  );
}
