/** For authors of packages that put tenants on another database than PostgreSQL. */

export { foreignKeyOrder } from './archive/foreign-key-order.ts';
export {
  invalid as invalidArchive,
  jsonPart,
  manifestPart,
  partsInOrder,
  rowsPart,
  tablePart,
} from './archive/orm-manifest.ts';
export { asJson } from './central/as-json.ts';
export { checkFence, refuseOwnColumns } from './central/record-rules.ts';
export {
  type AuditRow,
  type ChangeRow,
  type CountsRow,
  foldedText,
  type OperationRow,
  type TenantRow,
  toChange,
  toCounts,
  toEntry,
  toOperation,
  toSum,
  toTenantOf,
  type UsageRow,
} from './central/stored-rows.ts';
export { type Belonging, refuseElsewhere } from './entities/elsewhere.ts';
export { type TenantEntityManager, tenantEntityManager } from './entities/entity-manager.ts';
export type { DeclaredEntities, DriverEntityManager, EntityManagerClass } from './entities/entity-manager-class.ts';
export { guardedBuilder } from './entities/guarded-builder.ts';
export { flushGuard, type Owner, type ScopedDriver } from './entities/ownership.ts';
export { asArchived, ofOtherCode } from './migrations/as-archived.ts';
export { recordedReason, withSummary } from './migrations/failure-summary.ts';
export type { Ledger } from './migrations/ledger.ts';
export { loadOnce } from './migrations/load-once.ts';
export type { Migrated } from './migrations/migrate-target.ts';
export { loadMigrations, type MigrationSet } from './migrations/migration-set.ts';
export { appliedAfter, type Operation, type Step, upTo } from './migrations/operation.ts';
export { type StoreMigrations, type StoreMigrationsParts, storeMigrations } from './migrations/store-migrations.ts';
export {
  type ComparedSchema,
  type VerifiedDatabases,
  verifyDatabases,
} from './migrations/verify/verify-databases.ts';
export type { ConnectionClass, DatabaseConnectionClass, RefusedMembers } from './mikro-orm/database-connection.ts';
export type { DatabaseKind } from './mikro-orm/database-dialect.ts';
export { createDatabaseDrivers, type DatabaseDrivers, noCentralEntities } from './mikro-orm/database-drivers.ts';
export { connectionClassOf, type DatabaseOrm, initDatabaseOrm } from './mikro-orm/database-orm.ts';
export { PinnedMigrator } from './mikro-orm/pinned-migrator.ts';
export { placeInOne } from './placement/place-in-one.ts';
export { counted, type StatementResult } from './session/counted.ts';
export type { BeginOptions, RowStream, Rows, ScopedDatabase, ScopedTransaction } from './session/database-session.ts';
export { checkIn, checkOut, endWorkOf, type OpenWork, scopeEnded } from './session/scope-work.ts';
