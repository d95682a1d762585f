import type { EntityMetadata } from '@mikro-orm/core';
import { TenancyError } from '@omnitenant/core';
import { columnOf, tableOf } from '../central/entity-tables.ts';
import type { TenantEntity } from '../central/tenant-entity.ts';
import type { TenantEntityManager } from '../entities/entity-manager.ts';
import { refuseCentral } from '../entities/refuse-central.ts';
import { type QualifiedName, qualifiedNames } from '../sql/qualified-names.ts';
import { quoteText } from '../sql/quote.ts';
import type { MigrationSet } from './migration-set.ts';

/** Finds the first of these names that is in the schema of a tenant. */
export type FindTenants = (names: readonly QualifiedName[]) => Promise<{ tenant: string; table: string } | undefined>;

/**
 * The tenants' migrations, of which one whose SQL reaches central, a tenant's schema or the system's tables by name is refused when it
 * is compiled, and so before it is sent to anybody. Dynamic SQL is not read: what keeps it in its schema is the tenant's role.
 */
export function ownTablesOnly(set: MigrationSet, findTenants: FindTenants): MigrationSet {
  const checked = new WeakSet<readonly string[]>();

  async function check(migration: string, sql: readonly string[]): Promise<void> {
    if (checked.has(sql)) return;
    const names = sql.flatMap(qualifiedNames);
    refuseCentral(names, `The migration "${migration}"`, 'MIGRATE_FAILED');
    const system = names.find(isSystemTable);
    if (system) throw refusedSystem(migration, system);
    const reached = names.length > 0 ? await findTenants(names) : undefined;
    if (reached) throw refusedTenant(migration, reached);
    checked.add(sql);
  }

  return {
    ...set,
    async compile(name, direction) {
      const compiled = await set.compile(name, direction);
      if (compiled.sql) await check(name, compiled.sql);
      return compiled;
    },
  };
}

/** Finds tenants by the schemas that central has recorded, and by the tables that are in them. */
export function tenantsIn(fork: () => TenantEntityManager, meta: EntityMetadata<TenantEntity>): FindTenants {
  const column = (property: 'id' | 'isolation' | 'placement') => `t.${columnOf(meta, property)}`;
  return async (names) => {
    const named = names.map(({ qualifier, name, isRelation }) =>
      [quoteText(qualifier), quoteText(name), String(isRelation)].join(', '),
    );
    const found = await fork().execute<{ tenant: string; table: string }[]>(
      `select ${column('id')} as tenant, n.schema || '.' || n.name as "table" from (values (${[...new Set(named)].join('), (')})) as n (schema, name, sure)
       join ${tableOf(meta)} t on ${column('placement')} ->> 'schema' = n.schema and ${column('isolation')} = 'schema'
       where n.sure or exists (select from pg_class c join pg_namespace s on s.oid = c.relnamespace where s.nspname = n.schema and c.relname = n.name) limit 1`,
    );
    return found[0];
  };
}

/** Functions and types of PostgreSQL may be qualified, as dumps have them. Its tables have names that begin with pg_. */
function isSystemTable({ qualifier, name, isCall }: QualifiedName): boolean {
  if (isCall) return false;
  return qualifier === 'pg_catalog'
    ? name.startsWith('pg_')
    : /^(?:information_schema$|pg_(?:toast|temp))/.test(qualifier);
}

function refusedSystem(migration: string, { qualifier, name }: QualifiedName): TenancyError {
  const message =
    `The migration "${migration}" reaches "${qualifier}.${name}", which lists all tenants' tables. Use "if exists" and "if not exists", ` +
    `or ask to_regclass('table') for a table of the tenant's own.`;
  return new TenancyError('MIGRATE_FAILED', message);
}

function refusedTenant(migration: string, { tenant, table }: { tenant: string; table: string }): TenancyError {
  const message =
    `The migration "${migration}" reaches "${table}" of tenant "${tenant}" by name, and is for every tenant. ` +
    'Leave the names of tables unqualified.';
  return new TenancyError('MIGRATE_FAILED', message);
}
