export { DomainEntity, DomainSchema, TenantEntity, TenantSchema } from './entities.ts';
export { centralSchema, type EntityScope } from './entity-scope.ts';
export { createOrm, type Orm, type OrmOptions, type TenantOf } from './orm.ts';
export type { Isolation, OrmPlacement, PlacementNames } from './placement.ts';
export type { ServerOptions } from './servers.ts';
