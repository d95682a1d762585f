import { isRaw } from '@mikro-orm/core';
import type { QueryBuilder } from '@mikro-orm/sql';
import { inheriting } from './inheriting.ts';
import { type Owner, refuseForeign, type ScopedDriver } from './ownership.ts';
import { refuseSchema } from './refuse-schema.ts';

type Call = (this: QueryBuilder<object>, ...parameters: unknown[]) => unknown;

/** The calls of a query builder that take conditions or data; its others pass what they take on to one of these. */
const builderCalls = [
  'from',
  'having',
  'insert',
  'join',
  'joinAndSelect',
  'merge',
  'update',
  'where',
  'withSchema',
] as const satisfies readonly (keyof QueryBuilder<object>)[];

/** Where a call takes the schema of a table. */
const schemaAt: Readonly<Record<string, number>> = { withSchema: 0, join: 5, joinAndSelect: 6 };

/** Makes a query builder of a scoped driver, and each that is cloned from it, refuse what belongs to another scope, and other schemas. */
export const guardedBuilder = inheriting((base: QueryBuilder<object>) => {
  const guarded = Object.create(base) as Record<string, Call>;
  for (const name of builderCalls) {
    const call = base[name] as Call;
    guarded[name] = function (...parameters) {
      const owner = ownerOf(this);
      for (const parameter of parameters) refuseForeign(parameter, owner);
      refuseSchemaIn(name, parameters, owner);
      return call.apply(this, parameters);
    };
  }
  const clone = base.clone as Call;
  guarded['clone'] = function (...parameters) {
    return guardedBuilder(clone.apply(this, parameters) as QueryBuilder<object>);
  };
  return guarded;
});

function ownerOf(builder: QueryBuilder<object>): Owner {
  return (builder as unknown as { readonly driver: ScopedDriver }).driver;
}

function refuseSchemaIn(name: string, parameters: readonly unknown[], owner: Owner): void {
  const at = schemaAt[name];
  if (at !== undefined) refuseSchema(parameters[at] as string | undefined, owner);
  if (name === 'from' || name.startsWith('join')) refuseQualified(parameters[0], name === 'from', owner);
}

/** Refuses the name of a table with a schema in front of it, as a text or by `sql.ref()`. */
function refuseQualified(table: unknown, mayBeText: boolean, owner: Owner): void {
  const text = mayBeText ? table : undefined;
  const named = isRaw(table) && table.sql === '??' ? table.params[0] : text;
  if (typeof named === 'string' && named.includes('.')) refuseSchema(named.slice(0, named.indexOf('.')), owner);
}
