import { type AnyEntity, Reference, Utils } from '@mikro-orm/core';
import { currentScope, tagError } from '@omnitenant/core/extend';
import type { DriverEntityManager, EntityManagerClass } from './entity-manager-class.ts';
import { claimAll, type Owner, refuseForeign } from './ownership.ts';
import { refuseSchema } from './refuse-schema.ts';

/**
 * The calls that take entities, references, conditions or data, and that return a promise. Calls that pass all of their
 * parameters on to one of these, such as findOneOrFail, are not listed.
 */
export const asyncCalls = [
  'clone',
  'count',
  'countBy',
  'find',
  'findOne',
  'insert',
  'insertMany',
  'lock',
  'nativeDelete',
  'nativeUpdate',
  'populate',
  'refresh',
  'upsert',
  'upsertMany',
] as const satisfies readonly (keyof DriverEntityManager)[];

/** The same, for calls that return at once. */
export const syncCalls = [
  'assign',
  'create',
  'createQueryBuilder',
  'getReference',
  'map',
  'merge',
  'persist',
  'remove',
  'setFilterParams',
  'stream',
] as const satisfies readonly (keyof DriverEntityManager)[];

/** The calls that throw errors of their own, and take nothing that the others do not check. */
const failingCalls = ['findOneOrFail', 'flush'] as const satisfies readonly (keyof DriverEntityManager)[];

/** The calls after which a new entity, with all new entities that it leads to, belongs to the scope. */
const claiming: ReadonlySet<string> = new Set(['assign', 'create', 'persist']);

/** The calls that MikroORM gives the option `schema` and that do not prepare their options. */
const takingSchema: ReadonlySet<string> = new Set(['assign', 'create', 'getReference', 'lock', 'map', 'merge']);

type SchemaOption = { readonly schema?: string | undefined; readonly convertCustomTypes?: boolean } | undefined;

type Call = (this: DriverEntityManager, ...parameters: unknown[]) => unknown;

/** Makes an EntityManager refuse what belongs to another scope, in each call that takes entities, conditions or data. */
export function withGuardedCalls(Base: EntityManagerClass): EntityManagerClass {
  class GuardedEntityManager extends Base {}
  function define(name: string, value: Call): void {
    Object.defineProperty(GuardedEntityManager.prototype, name, { configurable: true, writable: true, value });
  }
  for (const name of syncCalls) define(name, guardedCall(name, Base.prototype[name]));
  for (const name of asyncCalls) define(name, rejecting(guardedCall(name, Base.prototype[name])));
  for (const name of failingCalls) define(name, rejecting(Base.prototype[name] as Call));
  return GuardedEntityManager;
}

function guardedCall(name: string, call: Call): Call {
  return function (this: DriverEntityManager, ...parameters: unknown[]): unknown {
    const context = this.getContext(false);
    const owner = context as unknown as Owner;
    for (const parameter of parameters) refuseForeign(parameter, owner);
    if (name === 'getReference') parameters[2] = withoutDefaultSchema(parameters[2] as SchemaOption, this);
    if (takingSchema.has(name)) refuseSchema((parameters[2] as SchemaOption)?.schema, owner);
    // What is awaited or read later, perhaps in another scope, is bound to this one.
    const result = call.apply(context, parameters);
    if (claiming.has(name)) claimEach(name === 'create' ? result : parameters[0], owner);
    return result;
  };
}

/**
 * MikroORM names its default schema itself when it loads the references of a collection, and means the one of the entity. Such a call has
 * this form; any other that names a schema is the application's.
 */
function withoutDefaultSchema(options: SchemaOption, em: DriverEntityManager): SchemaOption {
  const isMikroOrms =
    options?.convertCustomTypes === true && options.schema === em.getPlatform().getDefaultSchemaName();
  return isMikroOrms ? { ...options, schema: undefined } : options;
}

/** A call that returns a promise refuses by rejecting it. MikroORM's own errors say whose they are. */
function rejecting(call: Call): Call {
  return async function (this: DriverEntityManager, ...parameters: unknown[]): Promise<unknown> {
    try {
      return await call.apply(this, parameters);
    } catch (error) {
      const scope = currentScope();
      if (scope?.kind === 'tenant') tagError(error, scope.tenant.id);
      throw error;
    }
  };
}

function claimEach(entities: unknown, owner: Owner): void {
  for (const entity of Utils.asArray(entities)) claimAll(Reference.unwrapReference(entity as AnyEntity), owner);
}
