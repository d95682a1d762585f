import { createHash } from 'node:crypto';
import type { EntityMetadata } from '@mikro-orm/core';
import { isTenancyError, type Tenant } from '@omnitenant/core';
import { type Auditing, type FleetMigration, type HealthProbe, verbDefaults } from '@omnitenant/core/extend';
import { migrateCentral } from '../central/migrate-central.ts';
import { runLeases } from '../central/run-leases.ts';
import type { TenantEntity } from '../central/tenant-entity.ts';
import { type OrmStats, sumOf } from '../connections/pool-stats.ts';
import type { Pools } from '../connections/pools.ts';
import { openSession } from '../connections/unpinned-session.ts';
import { centralSchema, type EntityScopes } from '../entities/entity-scope.ts';
import type { Extensions } from '../isolation/extension-schema.ts';
import { rowMigrationSession } from '../isolation/row/migration-pool.ts';
import { referenceTables } from '../isolation/row/reference.ts';
import { appliedRows } from '../isolation/row/storage.ts';
import type { Contents, TenantStorage } from '../isolation/storage.ts';
import type { BaseOrm } from '../mikro-orm/base-orm.ts';
import { type CreateMigrationOptions, createMigration } from '../mikro-orm/create-migration.ts';
import type { Drivers } from '../mikro-orm/drivers.ts';
import type { MigrationSource } from '../mikro-orm/migrator-options.ts';
import type { SchemaPart } from '../mikro-orm/scope-schema-generator.ts';
import {
  extensionsOf,
  type Isolation,
  type OrmPlacement,
  ownServer,
  placementOf,
  sharesDatabase,
  sharesTables,
} from '../placement/placement.ts';
import { quoteName } from '../sql/quote.ts';
import { asArchived } from './as-archived.ts';
import { centralMigrations } from './central-migrations.ts';
import type { Fleet } from './fleet-options.ts';
import { centralLedger, type Ledger, migratable } from './ledger.ts';
import { loadOnce } from './load-once.ts';
import { migrateTargetWith } from './migrate-target.ts';
import { loadMigrations, type MigrationSet } from './migration-set.ts';
import { type MigrationContext, type MigrationTarget, tenantTarget } from './migration-target.ts';
import { type CentralMigrations, createMigrations, type Migrations } from './migrations.ts';
import { assumeUpTo, type Operation, upTo } from './operation.ts';
import { ownTablesOnly, tenantsIn } from './own-tables-only.ts';
import { createLog, replayOf } from './replay.ts';
import { requireMigrations } from './require-migrations.ts';
import { isExhausted, retryWhile } from './retry.ts';
import { storageReader } from './verify/read-storage.ts';
import { verifyFleet } from './verify/verify.ts';
import type { VerifyOptions } from './verify/verify-options.ts';
import { versionOf } from './version.ts';
import { withoutExtensions } from './without-extensions.ts';

/** What migrations are opened on. */
export interface MigrationsOptions {
  readonly base: BaseOrm;
  readonly scopes: EntityScopes;
  readonly pools: Pools;
  readonly drivers: Drivers;
  /** The tenants' migrations, loaded once. */
  readonly set: () => Promise<MigrationSet>;
  readonly extensions: Extensions;
  readonly storages: Readonly<Record<Isolation, TenantStorage>>;
  readonly servers: Iterable<string>;
  readonly central: OrmPlacement;
  readonly tenant: EntityMetadata<TenantEntity>;
  readonly centralSource: MigrationSource | undefined;
  /** Resolves when central has the tables that are the orm's own. */
  readonly ready: () => Promise<unknown>;
  /** Records runs. */
  readonly auditing: Auditing;
}

/** The migrations of an orm, and what provisioning needs of them. */
export interface OpenMigrations {
  readonly migrations: Migrations;
  /** Adds a tenancy that is told of each tenant that a run migrates. */
  joined(tenancy: FleetMigration): void;
  /** Rejects with CONFIG_INVALID if the tenants' migrations are not there. */
  check(): Promise<void>;
  /** What a new tenant begins with, or `undefined` if a migration has to run in each tenant. */
  contents(tenant: Tenant): Promise<Contents | undefined>;
  /** Marks a tenant's migrations up to this one as applied. */
  assume(tenant: Tenant, at: string): Promise<void>;
  /** Applies a tenant's pending migrations and records its version. */
  migrate(tenant: Tenant): Promise<void>;
  /** Whether tenants have other migrations than the code. */
  readonly probe: HealthProbe;
  /** How far the runs that are under way have come, all together. */
  progress(): OrmStats['fleet'];
  /**
   * Applies these migrations to a tenant that has none, for an archive.
   *
   * @throws ARCHIVE_INVALID if this code does not have them, or if shared tables have others.
   */
  bringTo(tenant: Tenant, migrations: readonly string[]): Promise<void>;
  /** Fails as `bringTo` does for the same reasons, and changes nothing. */
  checkVersion(tenant: Tenant, migrations: readonly string[]): Promise<void>;
  /** The schema of extensions. */
  readonly extensions: string;
  /** The name of the table that logs the migrations of each tenant. */
  logTable(): Promise<string>;
  /** Records that a tenant was created with all migrations. */
  recordNew(tenant: Tenant): Promise<void>;
}

export function openMigrations(options: MigrationsOptions): OpenMigrations {
  const { base, scopes, pools, drivers, servers, extensions, tenant: meta } = options;
  const forkCentral = () => base.em.forkFor(drivers.of({ kind: 'central' }));
  const ledger = centralLedger(forkCentral, meta);
  const set = loadOnce(async () => {
    const found = await options.set();
    const entities = [...base.getMetadata().getAll().values()];
    await requireMigrations(found, {
      hasTables: entities.some((entity) => ['tenant', 'shared'].includes(scopes.get(entity) ?? '')),
      ledger,
    });
    return ownTablesOnly(found, tenantsIn(forkCentral, meta));
  });
  const shared = withoutExtensions(set, extensions);
  function setFor({ tenant, placement }: MigrationTarget): Promise<MigrationSet> {
    return sharesDatabase(tenant) ? shared(placement) : set();
  }
  const context: MigrationContext = {
    pools,
    set: setFor,
    extensions: extensions.schema,
    session: ({ tenant, placement }) => {
      const found = extensionsOf(tenant, extensions.schema);
      const open = (at: OrmPlacement) => openSession(pools, at, found);
      return tenant && sharesTables(tenant) ? rowMigrationSession(placement, set, open, found) : open(placement);
    },
    fork: ({ tenant }) => (tenant ? base.em.forkFor(drivers.forMigrations(tenant)) : forkCentral()),
  };
  const migrateTarget = migrateTargetWith(context);

  const tenancies: FleetMigration[] = [];
  const running: Fleet['running'] = new Set();
  const contents = new WeakMap<MigrationSet, Promise<Contents | undefined>>();

  async function fleet(): Promise<Fleet> {
    return {
      ledger: centralLedger(forkCentral, meta, (work) => retryWhile(work, isExhausted)),
      leases: runLeases({ fork: forkCentral, ready: options.ready, tenant: meta, states: migratable }),
      verbs: tenancies[0]?.verbs ?? verbDefaults,
      servers: [...servers].filter((server) => server !== ownServer),
      set: await set(),
      auditing: options.auditing,
      tenancies,
      running,
      migrateTarget: migrateTargetWith({ ...context, waitForConnection: true }),
    };
  }

  const verify = async (wish: VerifyOptions) => verifyIn(options, await fleet(), wish);

  async function toArchived(tenant: Tenant, wanted: readonly string[]): Promise<Operation> {
    const { names, logTable } = await set();
    const shared = sharesTables(tenant) ? await appliedRows(pools, placementOf(tenant), logTable) : undefined;
    return asArchived(names, wanted, shared);
  }

  return {
    migrations: createMigrations({
      names: async () => (await options.set()).names,
      fleet,
      verify,
      central: openCentral(options, context),
      create: (wish = {}) => createIn(options, 'tenant', undefined, wish),
    }),
    probe: { name: 'orm: migrations', check: () => otherMigrations(set, ledger) },
    progress: () => sumOf([{ total: 0, done: 0, failed: 0 }, ...[...running].map((run) => run.progress())]),
    joined: (tenancy) => void tenancies.push(tenancy),
    check: async () => void (await set()),
    contents: async (tenant) => {
      const own = await setFor(tenantTarget(tenant));
      const known = contents.get(own) ?? contentsOf(own, ledger);
      contents.set(own, known);
      return known;
    },
    assume: async (tenant, at) => {
      await migrateTarget(tenantTarget(tenant), assumeUpTo((await set()).names, at));
    },
    migrate: async (tenant) => {
      const { names, logTable } = await set();
      // A tenant that joins a shared schema finds its migrations applied.
      const known = sharesTables(tenant) ? await appliedRows(pools, placementOf(tenant), logTable) : undefined;
      const { applied } = await migrateTarget(tenantTarget(tenant), upTo(names), known);
      await ledger.record([tenant], versionOf(applied));
    },
    bringTo: async (tenant, wanted) => {
      await migrateTarget(tenantTarget(tenant), await toArchived(tenant, wanted));
    },
    checkVersion: async (tenant, wanted) => void (await toArchived(tenant, wanted)),
    extensions: extensions.schema,
    logTable: async () => (await options.set()).logTable,
    recordNew: async (tenant) => ledger.record([tenant], versionOf((await set()).names)),
  };
}

function verifyIn(
  { pools, extensions, storages, central }: MigrationsOptions,
  parts: Fleet,
  wish: VerifyOptions,
): ReturnType<typeof verifyFleet> {
  const { logTable } = parts.set;
  const reader = storageReader(pools, { logTable, extensions: extensions.schema }, wish.concurrency ?? 4);
  const sharedTables = referenceTables(pools, central);
  return verifyFleet({ ...parts, pools, storages, sharedTables, reader }, wish);
}

/** A warning where tenants are at another version than the code, as central knows it. */
async function otherMigrations(set: () => Promise<MigrationSet>, ledger: Ledger): Promise<string | undefined> {
  const found = await set().catch(withoutMigrations);
  const count = found === undefined ? 0 : await ledger.count({ except: versionOf(found.names) });
  if (count === 0) return undefined;
  return `${count === 1 ? '1 tenant has' : `${count} tenants have`} other migrations than this code.`;
}

/** An application that has none is told so where it needs them. */
function withoutMigrations(error: unknown): undefined {
  if (!isTenancyError(error, 'CONFIG_INVALID')) throw error;
}

function openCentral(options: MigrationsOptions, context: MigrationContext): CentralMigrations {
  const { base, scopes, pools, drivers, central, centralSource, extensions } = options;
  const source = centralSource ?? { migrationsList: [] };
  const set = loadOnce(async () => {
    const found = await loadMigrations(base.em, source);
    await requireMigrations(found, { hasTables: true });
    return found;
  });
  const shared = withoutExtensions(set, extensions);
  return centralMigrations({
    set,
    target: { placement: central },
    // Two processes that find no schema would both create one. Migrations hold another lock, and may hold it for long.
    prepare: () =>
      pools.query(
        central,
        `select pg_advisory_xact_lock(hashtextextended('omnitenant:make:${centralSchema}', 0));
         create schema if not exists ${quoteName(centralSchema)}`,
      ),
    migrateTarget: migrateTargetWith({ ...context, set: ({ placement }) => shared(placement), source }),
    makeTables: centralSource
      ? undefined
      : () => migrateCentral(scopes, base.em.forkFor(drivers.of({ kind: 'central' }))),
    create: (wish) => createIn(options, 'central', centralSource ?? { path: './migrations/central' }, wish),
  });
}

function createIn(
  { base, scopes, drivers }: MigrationsOptions,
  scope: 'tenant' | 'central',
  source: MigrationSource | undefined,
  wish: CreateMigrationOptions,
) {
  const part: SchemaPart = {
    table: (meta) => [scope, 'shared'].includes(scopes.get(meta) ?? ''),
    routine: (schema) => (schema === centralSchema) === (scope === 'central'),
  };
  const driver = scope === 'central' ? drivers.of({ kind: 'central' }) : drivers.forAuthoring();
  return createMigration(base.em.forkFor(driver), { part, snapshotName: `.snapshot-${scope}`, source }, wish);
}

async function contentsOf(set: MigrationSet, ledger: Ledger): Promise<Contents | undefined> {
  const replay = await replayOf(set, upTo(set.names).stepsFrom([]));
  if (!replay) return undefined;
  const statements = [createLog(set), ...replay.statements];
  return {
    statements,
    names: set.names,
    logTable: set.logTable,
    digest: createHash('sha256').update(statements.join(';')).digest('hex').slice(0, 12),
    record: (tenant) => ledger.recording([tenant], versionOf(set.names)),
  };
}
