import { TenancyError, type Tenant } from '@omnitenant/core';
import { incarnationOf, type ResourceScope } from '@omnitenant/core/extend';
import { refuseElsewhere } from '../entities/elsewhere.ts';
import type { EntityScopes } from '../entities/entity-scope.ts';
import type { ScopedDriver } from '../entities/ownership.ts';
import { refuseCentral } from '../entities/refuse-central.ts';
import { extensionsOf, type OrmPlacement, placementOf, sharesTables } from '../placement/placement.ts';
import type { RowWall } from '../placement/row-login.ts';
import { type SharedPlacement, sharedPlacement } from '../placement/shared-placement.ts';
import type { CheckedLimits, TenantShare } from '../placement/tenant-limits.ts';
import { movingTenant } from '../session/moving-tenant.ts';
import { type PinOptions, pinOf, signedPinOf } from '../session/pin.ts';
import { type PinnedPool, type PinnedPoolOptions, pinnedPool } from '../session/pinned-pool.ts';
import { type FindTenant, removedTenant } from '../session/removed-tenant.ts';
import type { Database, SqlClient } from '../sql/client.ts';
import { refuseLargeObjects } from '../sql/large-objects.ts';
import { qualifiedNames } from '../sql/qualified-names.ts';
import { oneStatement } from '../sql/refusals.ts';
import { rowStatements } from '../sql/row-statements.ts';
import type { BaseOrm } from './base-orm.ts';
import { migrationsPending, type PendingMigrations } from './pending-migrations.ts';
import { scopedDrivers } from './scoped-drivers.ts';

/** The drivers of an application's scopes. */
export interface Drivers {
  /** The driver of a scope, created on first use. */
  of(scope: ResourceScope): ScopedDriver;
  /** The driver of a tenant that is being created, whatever central knows about its migrations. */
  forNew(tenant: Tenant): ScopedDriver;
  /**
   * The driver for a tenant's migrations. They may send several statements in a message, and if tenants share tables, they
   * run for all of these tenants.
   */
  forMigrations(tenant: Tenant): ScopedDriver;
  /** The driver for writing tenants' migrations: it builds queries for any tenant and cannot send them. */
  forAuthoring(): ScopedDriver;
}

export interface DriversOptions {
  readonly base: BaseOrm;
  readonly scopes: EntityScopes;
  readonly pools: {
    /** Checks out a connection of the placement's `login`, where it has one. */
    connect(target: PinnedTarget, pipelined: boolean | undefined): Promise<SqlClient>;
  };
  readonly central: OrmPlacement;
  /** What is done differently where tenants share tables. */
  readonly sharedTables: SharedTables;
  /** The schema of extensions, in the databases that tenants share. */
  readonly extensions: {
    readonly schema: string;
    check(placement: OrmPlacement): Promise<void> | undefined;
  };
  /** Whether hostile SQL is kept from changing the role. */
  readonly roles: boolean;
  /** Finds the tenant that has an id now, past all caches. */
  readonly find: FindTenant;
  /** How to serve a tenant, by its migrations. */
  readonly serving: (tenant: Tenant) => PendingMigrations;
  readonly limitsOf: (tenant: Tenant) => CheckedLimits;
}

/** What a pinned pool connects to. */
interface PinnedTarget extends Database {
  readonly schema: string;
  readonly share?: TenantShare | undefined;
}

/** What is done differently where tenants share tables. */
interface SharedTables {
  /** Looks at the tables before the first of their tenants is served; `undefined` where that was done. */
  check(placement: OrmPlacement): Promise<void> | undefined;
  /** What signs them, where they have a login of their own. */
  readonly wall: RowWall | undefined;
  /** The pool that their migrations run on. */
  migrationPool(placement: SharedPlacement): PinnedPool;
}

export function createDrivers({
  base,
  scopes,
  pools,
  central,
  sharedTables,
  extensions,
  roles,
  find,
  serving,
  limitsOf,
}: DriversOptions): Drivers {
  const scopedDriver = scopedDrivers(base, scopes);
  const poolOf = pinnedPools({ pools, extensions, sharedTables });
  const ofCentral = scopedDriver(
    'central',
    { scopeKey: 'central', scopeLabel: 'central', namedSchema: central.schema },
    poolOf(
      central,
      { extensions: extensionsOf(undefined, extensions.schema) },
      // All lookups are one statement with another value.
      { sharedReadsOf: central.schema, preparesReads: true },
    ),
  );
  // A driver lives as long as the tenant's record: a changed tenant has another record, and so another driver.
  const ofTenants = new WeakMap<Tenant, ScopedDriver>();

  /** Without limits it is for the tenant's lifecycle. */
  function ofTenant(tenant: Tenant, served: PendingMigrations, limits?: CheckedLimits): ScopedDriver {
    const { id } = tenant;
    if (served === 'refuse') throw migrationsPending(id);
    const kind = sharesTables(tenant) ? 'row' : 'tenant';
    const shared = kind === 'row' ? sharedPlacement(tenant) : undefined;
    const placement = shared ?? placementOf(tenant);
    const proof = shared && sharedTables.wall?.proofOf(shared);
    const readOnly = served === 'read-only';
    const scopeKey = incarnationOf(tenant);
    const belonging = { scopeKey, scopeLabel: id, getMetadata: () => base.getMetadata() };
    const refuse = () => refuseElsewhere(belonging);
    const pool = poolOf(
      placement,
      {
        rowsOf: placement.key,
        proof,
        readOnly,
        extensions: extensionsOf(tenant, extensions.schema),
        settings: limits?.settings,
      },
      {
        readOnly: readOnly ? (cause: unknown) => migrationsPending(id, cause) : undefined,
        removed: async (error) => movingTenant(error, tenant) ?? removedTenant(error, tenant, find),
        statementMs: limits?.statementMs,
        ...rulesOf(tenant, placement, refuse),
      },
      refuse,
      limits?.share,
    );
    return scopedDriver(kind, { scopeKey, scopeLabel: id }, pool);
  }

  /**
   * What a tenant's statements are held to. The role of shared tables is no wall by itself, unless tenants are to have roles; with a
   * login of its own nothing has to be read out of a text.
   */
  function rulesOf(tenant: Tenant, { role, schema }: OrmPlacement, refuse: () => void): PinnedPoolOptions {
    const isShared = sharesTables(tenant);
    const sharesLogin = tenant.isolation === 'schema' && role === undefined;
    const isWalled = role !== undefined && (isShared ? roles && !sharedTables.wall : true);
    return {
      check: checksOf(
        refuse,
        isShared ? rowStatements(tenant.id) : undefined,
        sharesLogin ? refuseLargeObjects(tenant.id) : undefined,
        isWalled ? oneStatement : undefined,
      ),
      sharedReadsOf: isWalled ? undefined : schema,
      // Tenants of a connection that have a schema each would have PostgreSQL plan it anew for each of them.
      preparesReads: tenant.isolation !== 'schema',
    };
  }

  return {
    of: (scope) => {
      if (scope.kind === 'central') return ofCentral;
      const known = ofTenants.get(scope.tenant);
      if (known) return known;
      const driver = ofTenant(scope.tenant, serving(scope.tenant), limitsOf(scope.tenant));
      ofTenants.set(scope.tenant, driver);
      return driver;
    },
    forNew: (tenant) => ofTenant(tenant, 'serve'),
    forMigrations: (tenant) => {
      const { id } = tenant;
      const placement = placementOf(tenant);
      return scopedDriver(
        'tenant',
        { scopeKey: `migrations of ${id}`, scopeLabel: id, namedSchema: placement.schema },
        sharesTables(tenant)
          ? sharedTables.migrationPool(sharedPlacement(tenant))
          : poolOf(
              placement,
              { extensions: extensionsOf(tenant, extensions.schema) },
              { check: (sql) => refuseCentral(qualifiedNames(sql), 'The migration', 'STATEMENT_REFUSED') },
            ),
      );
    },
    forAuthoring: () => scopedDriver('tenant', { scopeKey: 'new migrations', scopeLabel: 'new migrations' }, noPool),
  };
}

/** The pools of placements, with a pin each. */
function pinnedPools({
  pools,
  extensions,
  sharedTables,
}: Pick<DriversOptions, 'pools' | 'extensions' | 'sharedTables'>) {
  return (
    placement: OrmPlacement,
    pin: PinOptions & { readonly proof?: string | undefined },
    options: PinnedPoolOptions = {},
    mayConnect = () => {},
    share?: TenantShare,
  ): PinnedPool => {
    const { proof } = pin;
    const unshared = proof === undefined ? placement : { ...placement, login: placement.role ?? '' };
    const target = { ...unshared, share };
    async function connect(pipelined?: boolean): Promise<SqlClient> {
      mayConnect();
      if (pin.extensions !== undefined) await extensions.check(placement);
      if (pin.rowsOf !== undefined) await sharedTables.check(placement);
      return pools.connect(target, pipelined);
    }
    const commands = proof === undefined ? pinOf(placement, pin) : signedPinOf(placement, { ...pin, proof });
    const connectUnpinned = () => pools.connect(unshared, false);
    return pinnedPool({ options: {}, connect, end: async () => {} }, commands, { connectUnpinned, ...options });
  };
}

/** All of the checks that there are, one after another. */
function checksOf(...checks: readonly (((sql: string) => void) | undefined)[]): (sql: string) => void {
  return (sql) => {
    for (const check of checks) check?.(sql);
  };
}

const noPool = pinnedPool(
  {
    options: {},
    connect: () => Promise.reject(new TenancyError('OUTSIDE_SCOPE', 'Writing a migration cannot query a database.')),
    end: async () => {},
  },
  [],
);
