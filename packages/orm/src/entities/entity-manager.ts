import {
  type AnyEntity,
  type EntityManager,
  type EventManager,
  type ForkOptions,
  RequestContext,
  TransactionContext,
} from '@mikro-orm/core';
import type { AbstractSqlDriver } from '@mikro-orm/sql';
import { TenancyError } from '@omnitenant/core';
import { currentScope, type Scope } from '@omnitenant/core/extend';
import { type Belonging, refuseElsewhere, setCurrentOwner } from './elsewhere.ts';
import type { DriverEntityManager, EntityManagerClass } from './entity-manager-class.ts';
import { withGuardedCalls } from './guarded-calls.ts';
import { withOneSchema } from './one-schema.ts';
import { withOwnTransactions } from './own-transactions.ts';
import { claim, type ScopedDriver } from './ownership.ts';
import { refusePinned } from './refuse-schema.ts';
import { withOwnResultCache } from './result-cache.ts';

/**
 * The EntityManager that knows its tenant. The global one, `orm.em`, stands for the current scope's; a scope's own is a
 * fork on that scope's driver, and reaches that tenant's rows wherever it is carried.
 */
export interface TenantEntityManager extends DriverEntityManager, Belonging {
  getMetadata: DriverEntityManager['getMetadata'];
  /** Makes this the global EntityManager; `current` returns the current scope's, or `undefined` outside any scope. */
  beGlobal(current: () => TenantEntityManager | undefined): void;
  /** Derives a scope's EntityManager from the global one, with the filters and subscribers that were set on it. */
  forkFor(driver: ScopedDriver): TenantEntityManager;
}

/** The configured driver's EntityManager class, or the application's own, made to know its tenant. */
export function tenantEntityManager(
  Base: EntityManagerClass,
): new (
  ...parameters: ConstructorParameters<EntityManagerClass>
) => TenantEntityManager {
  return withGuardedCalls(withContext(withOneSchema(withOwnTransactions(withOwnResultCache(Base))))) as never;
}

/**
 * Subscribers are the application's, not a scope's: all EntityManagers share them. One that is registered in a tenant would be handed the
 * entities of all others.
 */
function refuseScopedSubscribers(events: EventManager): void {
  const { registerSubscriber } = events;
  events.registerSubscriber = (subscriber) => {
    const scope = currentScope();
    if (scope?.kind !== 'tenant') return registerSubscriber.call(events, subscriber);
    throw new TenancyError(
      'CROSS_TENANT',
      `A subscriber was registered in the scope of tenant "${scope.tenant.id}", and would get the entities of all tenants. Register it at start-up, ` +
        'outside of any scope or with the option subscribers, or on a fork of its own: em.fork({ cloneEventManager: true }).',
      { tenant: scope.tenant.id },
    );
  };
}

/** The scope that an EntityManager for MikroORM's RequestContext was made in. */
const requestScopes = new WeakMap<EntityManager, Scope | undefined>();

/** Makes an EntityManager find the current scope's, and refuse to be used in another tenant's. */
function withContext(Base: EntityManagerClass): EntityManagerClass {
  return class ContextualEntityManager extends Base {
    // Declared only: MikroORM's constructor calls getContext before a field of this class could be there.
    declare private current: (() => TenantEntityManager | undefined) | undefined;
    declare private forkDriver: ScopedDriver | undefined;
    declare private settingUp: boolean | undefined;

    beGlobal(current: () => TenantEntityManager | undefined): void {
      const base = this.driver;
      this.current = current;
      refuseScopedSubscribers(this.getEventManager());
      setCurrentOwner(this.getMetadata(), current);
      // The few calls that MikroORM makes on its own driver, not on its context's, reach the scope's as well.
      Object.defineProperty(this, 'driver', { get: () => this.forkDriver ?? current()?.getDriver() ?? base });
    }

    forkFor(driver: ScopedDriver): DriverEntityManager {
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

    get namedSchema(): string | undefined {
      return (this.driver as ScopedDriver).namedSchema;
    }

    override getContext(validate = true): this {
      if (this.current) return this.contextOfGlobal();
      const context = super.getContext(validate);
      if (this.scopeKey === undefined) return context;
      this.checkScope();
      // Another tenant's transaction, or request context, is never picked up.
      return context === this || context.scopeKey === this.scopeKey ? context : this;
    }

    override fork(options: ForkOptions = {}): this {
      refusePinned(options.session);
      const fork = super.fork(options);
      if (options.useContext) requestScopes.set(fork, currentScope());
      const identities = fork.getUnitOfWork(false).getIdentityMap();
      const { store } = identities;
      identities.store = (entity) => {
        claim(entity as AnyEntity, fork);
        store.call(identities, entity);
      };
      return fork;
    }

    /** Filters are the application's, not a scope's: one that is added at start-up holds in all scopes. */
    override addFilter(...filter: Parameters<DriverEntityManager['addFilter']>): void {
      this.settingUp = this.current !== undefined && this.current() === undefined;
      try {
        super.addFilter(...filter);
      } finally {
        this.settingUp = false;
      }
    }

    override getConnection(
      ...type: Parameters<DriverEntityManager['getConnection']>
    ): ReturnType<DriverEntityManager['getConnection']> {
      this.checkScope();
      return super.getConnection(...type);
    }

    override getDriver(): AbstractSqlDriver {
      this.checkScope();
      return super.getDriver();
    }

    /** Printing an EntityManager asks for no scope. */
    [Symbol.for('nodejs.util.inspect.custom')](): string {
      return `[EntityManager of ${this.current ? 'the current scope' : `"${this.scopeLabel}"`}]`;
    }

    private checkScope(): void {
      if (!this.current) refuseElsewhere(this);
    }

    private contextOfGlobal(): this {
      if (this.settingUp || this.forkDriver) return this;
      const current = this.current?.();
      if (!current) throw outside();
      const transaction = TransactionContext.currentTransactionContext()?.em as unknown as this | undefined;
      if (transaction?.scopeKey === current.scopeKey) return transaction as this;
      const request = RequestContext.getEntityManager(this.name) as unknown as this | undefined;
      return request && requestScopes.get(request) === currentScope() ? request : (current as unknown as this);
    }
  };
}

function outside(): TenancyError {
  return new TenancyError(
    'OUTSIDE_SCOPE',
    'orm.em was used outside any scope, so it has no tenant. Enter one with tenancy.run(tenant, …), or use tenancy.central(…) for central tables.',
  );
}
