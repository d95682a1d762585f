import type { TenantOrm } from './config.ts';

/** A column that the application has added to its tenants, as far as a question about it needs to know. */
export interface OwnColumn {
  readonly name: string;
  readonly type: 'text' | 'number' | 'boolean' | 'date' | 'json';
  /** The values that it may have, if it is an enum. */
  readonly choices: readonly string[] | undefined;
  /** Whether it may be left out. */
  readonly optional: boolean;
}

/** What is read of a property in MikroORM's metadata. */
interface Property {
  readonly name: string;
  readonly kind: string;
  readonly runtimeType: string;
  readonly enum?: boolean | undefined;
  readonly items?: readonly unknown[] | undefined;
  readonly nullable?: boolean | undefined;
  readonly default?: unknown;
  readonly defaultRaw?: unknown;
  readonly onCreate?: unknown;
  readonly persist?: boolean | undefined;
  readonly formula?: unknown;
  readonly generated?: unknown;
  readonly hidden?: boolean | undefined;
  readonly version?: unknown;
  readonly primary?: boolean | undefined;
}

/** The columns of a tenant that the application has added and that are set when a tenant is created. */
export async function ownColumns({ em }: TenantOrm): Promise<readonly OwnColumn[]> {
  const { TenantSchema } = await import('@omnitenant/orm');
  const base = Object.keys(TenantSchema.meta.properties);
  const all = [...em.getMetadata().getAll().values()];
  const tenant = all.find(({ abstract, properties }) => !abstract && base.every((name) => name in properties));
  const properties: readonly Property[] = Object.values(tenant?.properties ?? {});
  return properties.filter((property) => !base.includes(property.name) && isSet(property)).map(columnOf);
}

/** Whether an input gives it, and not the database, a relation's other side or a hook. */
function isSet({ kind, persist, formula, generated, hidden, version, primary }: Property): boolean {
  return kind === 'scalar' && persist !== false && !formula && !generated && !hidden && !version && !primary;
}

function columnOf({ name, runtimeType, enum: isEnum, items, ...property }: Property): OwnColumn {
  const { nullable = false, default: preset, defaultRaw, onCreate } = property;
  return {
    name,
    type: types[runtimeType] ?? 'text',
    choices: isEnum ? items?.map(String) : undefined,
    optional: nullable || preset !== undefined || defaultRaw !== undefined || onCreate !== undefined,
  };
}

const types: Readonly<Record<string, OwnColumn['type']>> = {
  number: 'number',
  boolean: 'boolean',
  Date: 'date',
  object: 'json',
  any: 'json',
};
