export { type DoctorOptions, type DoctorReport, doctor } from './doctor.ts';
export { describeReport } from './doctor-report.ts';
export { DomainEntity, DomainSchema, TenantEntity, type TenantOf, TenantSchema } from './entities.ts';
export { centralSchema, type EntityScope } from './entity-scope.ts';
export { createOrm, type Orm } from './orm.ts';
export type { OrmOptions } from './orm-options.ts';
export type { Isolation, OrmPlacement, PlacementNames } from './placement.ts';
export type { ServerOptions } from './servers.ts';
