import type { TenantEntityManager } from '../entities/entity-manager.ts';
import { centralSchema, type EntityScopes } from '../entities/entity-scope.ts';
import { centralDdl } from '../mikro-orm/scope-schema-generator.ts';
import { quoteName } from '../sql/quote.ts';
import { internalTables } from './internal-tables.ts';

/**
 * Creates the schema `central` and the missing tables of central and shared entities, under a lock, so that processes that
 * start together do it once. It changes no existing table.
 */
export function migrateCentral(scopes: EntityScopes, em: TenantEntityManager): Promise<void> {
  return em.transactional(async (transaction) => {
    await transaction.execute(`select pg_advisory_xact_lock(hashtextextended('omnitenant:migrate:central', 0))`);
    await transaction.execute(`create schema if not exists ${quoteName(centralSchema)}`);
    const existing = await transaction.execute<{ name: string }[]>(
      `select relname as name from pg_class where relnamespace = '${centralSchema}'::regnamespace and relkind in ('r', 'p', 'v', 'm')
       union all select typname from pg_type where typnamespace = '${centralSchema}'::regnamespace and typtype = 'e'`,
    );
    const ddl = await centralDdl(em, scopes, new Set(existing.map(({ name }) => name)));
    if (ddl.trim()) await transaction.execute(ddl);
    await transaction.execute(internalTables);
  });
}
