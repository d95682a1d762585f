import { defineEntity, type EntityDTO, type Opt, p } from '@mikro-orm/core';
import type { Tenant, TenantStatus } from '@omnitenant/core';
import type { Placement } from '@omnitenant/core/extend';
import { centralSchema } from '../entities/entity-scope.ts';

/** The columns that each tenant has. Extend it with those of your application, from any of MikroORM's styles. */
export const TenantSchema = defineEntity({
  name: 'TenantEntity',
  abstract: true,
  properties: {
    id: p.string().columnType('varchar(48) collate "C"').primary(),
    name: p.string(),
    status: p.string().$type<TenantStatus>().default('provisioning').index(),
    isolation: p.string(),
    placement: p.json<Placement>(),
    config: p.json<Readonly<Record<string, unknown>>>(),
    /** Which of the application's migrations it has, as far as central knows; kept by the orm. */
    schemaVersion: p
      .string()
      .default('')
      .onCreate(() => '')
      .hidden(),
    /** When an archived tenant may be purged. */
    retainUntil: p.datetime().nullable(),
    createdAt: p.datetime().onCreate(() => new Date()),
    updatedAt: p
      .datetime()
      .onCreate(() => new Date())
      .onUpdate(() => new Date()),
  },
});

/** The base of a tenant entity: `class Customer extends TenantEntity { … }` with your own columns. */
export class TenantEntity extends TenantSchema.class {}
TenantSchema.setClass(TenantEntity);

/** A tenant as `tenancy.current()` gives it: the entity's columns, as a frozen snapshot. */
export type TenantOf<E extends TenantEntity> = Tenant & {
  readonly [Column in Exclude<keyof EntityDTO<E>, keyof Tenant | 'schemaVersion'>]: Plain<EntityDTO<E>[Column]>;
};

/** A column's value without MikroORM's mark of having a default. */
type Plain<Value> = Value extends Opt.Brand
  ? Value extends number
    ? number
    : Value extends boolean
      ? boolean
      : Value extends string
        ? string
        : Value extends Date
          ? Date
          : Value
  : Value;

/** The columns that each domain has. */
export const DomainSchema = defineEntity({
  name: 'DomainEntity',
  abstract: true,
  properties: {
    host: p.string().columnType('varchar(253) collate "C"').primary(),
    tenantId: p.string().columnType('varchar(48) collate "C"').index(),
    primary: p.boolean().default(false),
  },
});

/** The base of a domain entity. */
export class DomainEntity extends DomainSchema.class {}
DomainSchema.setClass(DomainEntity);

/** The tenant entity of an application that adds no columns. */
export const DefaultTenant = defineEntity({
  name: 'Tenant',
  extends: TenantSchema,
  schema: centralSchema,
  properties: {},
});

/** The domain entity of an application that adds no columns. */
export const DefaultDomain = defineEntity({
  name: 'Domain',
  extends: DomainSchema,
  schema: centralSchema,
  properties: {},
});
