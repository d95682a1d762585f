import type { TenantEntityManager } from '../entities/entity-manager.ts';
import { centralSchema, type EntityScopes } from '../entities/entity-scope.ts';
import type { BaseOrm } from '../mikro-orm/base-orm.ts';
import { centralDdl } from '../mikro-orm/scope-schema-generator.ts';
import { quoteName } from '../sql/quote.ts';

/**
 * Makes the schema `central` and those tables of central and shared entities that it does not have yet; under a lock, so
 * that processes that start together do it once. It changes no table that is there.
 */
export function migrateCentral(orm: BaseOrm, scopes: EntityScopes, em: TenantEntityManager): Promise<void> {
  return em.transactional(async (transaction) => {
    await transaction.execute(`select pg_advisory_xact_lock(hashtextextended('omnitenant:migrate:central', 0))`);
    await transaction.execute(`create schema if not exists ${quoteName(centralSchema)}`);
    const tables = await transaction.execute<{ tablename: string }[]>(
      `select tablename from pg_tables where schemaname = '${centralSchema}'`,
    );
    const ddl = await centralDdl(orm.em, scopes, new Set(tables.map(({ tablename }) => tablename)));
    if (ddl.trim()) await transaction.execute(ddl);
  });
}
