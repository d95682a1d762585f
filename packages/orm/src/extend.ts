/** For authors of packages that put tenants on another database than PostgreSQL. */

export type { RunLeases } from './central/run-leases.ts';
export type { StoredTenant } from './central/stored-tenant.ts';
export { type Belonging, refuseElsewhere } from './entities/elsewhere.ts';
export { type TenantEntityManager, tenantEntityManager } from './entities/entity-manager.ts';
export type { DeclaredEntities, DriverEntityManager, EntityManagerClass } from './entities/entity-manager-class.ts';
export { guardedBuilder } from './entities/guarded-builder.ts';
export { flushGuard, type Owner, type ScopedDriver } from './entities/ownership.ts';
export { recordedReason, withSummary } from './migrations/failure-summary.ts';
export type { Fleet, RunProgress } from './migrations/fleet-options.ts';
export { type Incarnation, type Ledger, type LedgerFilter, migratable } from './migrations/ledger.ts';
export { loadOnce } from './migrations/load-once.ts';
export type { Migrated, MigrateTarget } from './migrations/migrate-target.ts';
export { loadMigrations, type MigrationSet } from './migrations/migration-set.ts';
export type { MigrationTarget } from './migrations/migration-target.ts';
export { createMigrations, type MigrationsParts } from './migrations/migrations.ts';
export { appliedAfter, type Operation, type Step, upTo } from './migrations/operation.ts';
export { versionOf } from './migrations/version.ts';
export { createMigration } from './mikro-orm/create-migration.ts';
export { PinnedMigrator } from './mikro-orm/pinned-migrator.ts';
export { checkIn, checkOut, endWorkOf, type OpenWork, scopeEnded } from './session/scope-work.ts';
