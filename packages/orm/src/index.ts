export type { AnonymisationOptions } from './archive/anonymise/anonymisation.ts';
export { replace } from './archive/anonymise/replace.ts';
export {
  type EntityRules,
  type ReplaceContext,
  type Replacement,
  type Rule,
  type RulesFor,
  rulesFor,
} from './archive/anonymise/rules.ts';
export type { Credentials, LendOptions, LentLogin } from './central/credentials.ts';
export type { RotateOptions, Rotation } from './central/rotate-credentials.ts';
export { DomainEntity, DomainSchema, TenantEntity, type TenantOf, TenantSchema } from './central/tenant-entity.ts';
export type { NudgeOptions } from './connections/listening.ts';
export type { OrmStats, ServerStats } from './connections/pool-stats.ts';
export type { ServerOptions } from './connections/servers.ts';
export { type DoctorOptions, type DoctorReport, doctor } from './doctor/doctor.ts';
export type { ExamineServersOptions, ServerExamination, ServersReport } from './doctor/examine-servers.ts';
export { formatDoctorReport, formatServerExamination } from './doctor/report.ts';
export { centralSchema, type EntityScope } from './entities/entity-scope.ts';
export type {
  SharedSchemaReport,
  SharedTables,
  TakenOver,
  TakeOverOptions,
} from './isolation/row/shared-tables.ts';
export type {
  FleetFailure,
  FleetOptions,
  FleetProgress,
  FleetReport,
  RolloutGroup,
} from './migrations/fleet-options.ts';
export type { CentralMigrations, FakeOptions, Migrations, TenantMigrations } from './migrations/migrations.ts';
export type { MigrationPlan, PlannedMigration, PlannedStep, PlanOptions } from './migrations/plan.ts';
export type { VerifiedGroup, VerifyOptions, VerifyProblem, VerifyReport } from './migrations/verify/verify-options.ts';
export type { CreatedMigration, CreateMigrationOptions } from './mikro-orm/create-migration.ts';
export { forTenants } from './mikro-orm/for-tenants.ts';
export type { MigrationSource } from './mikro-orm/migrator-options.ts';
export { createOrm, type Orm } from './orm.ts';
export type { OrmOptions } from './orm-options.ts';
export type { Isolation, OrmPlacement, PlacementNames } from './placement/placement.ts';
export type { RowLogin } from './placement/row-login.ts';
export type { TenantLimits, TenantSettings } from './placement/tenant-limits.ts';
export type { FilledReady, FillReadyOptions, ReadyOptions, ReadyStock, ReadyTenants } from './ready/ready-options.ts';
export type { ReadyIsolation } from './ready/unnamed-tenant.ts';
export type { OrmDiagnostics, OrmTraces } from './sql/diagnostics.ts';
export type { MigrationWarning } from './sql/migration-warnings.ts';
export { generateCredentialsKey } from './vault/keys.ts';
