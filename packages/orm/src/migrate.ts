import type { IMigrationRunner } from '@mikro-orm/core';
import { Migrator } from '@mikro-orm/migrations';
import type { TenantEntityManager } from './entity-manager.ts';
import type { OrmPlacement } from './placement.ts';

/** What is done around migrations in a schema of row tenants, inside their transaction. */
export interface AroundMigrations {
  before(execute: (sql: string) => Promise<unknown>): Promise<unknown>;
  after(execute: (sql: string) => Promise<unknown>): Promise<unknown>;
}

/**
 * Runs the application's pending MikroORM migrations in one tenant: in one transaction, so that all are applied or none,
 * and under a lock, so that two runners never apply one twice. Gives back their names.
 */
export const migrateTenant = (
  em: TenantEntityManager,
  { schema }: OrmPlacement,
  around?: AroundMigrations,
): Promise<string[]> =>
  em.transactional(async (transaction) => {
    await transaction.execute(`select pg_advisory_xact_lock(hashtextextended(?, 0))`, [`omnitenant:migrate:${schema}`]);
    const migrator = new PinnedMigrator(transaction);
    if (!(await migrator.hasPending(transaction, schema))) return [];
    await around?.before((sql) => transaction.execute(sql));
    const applied = await migrator.up({ schema, transaction: transaction.getTransactionContext() });
    await around?.after((sql) => transaction.execute(sql));
    return applied.map(({ name }) => name);
  });

/** MikroORM's migrator on a transaction whose schema the pin has settled. */
class PinnedMigrator extends Migrator {
  async hasPending(transaction: TenantEntityManager, schema: string): Promise<boolean> {
    this.storage.setMasterMigration(transaction.getTransactionContext());
    try {
      return (await super.getPending({ schema })).length > 0;
    } finally {
      this.storage.unsetMasterMigration();
    }
  }

  protected override createRunner(): IMigrationRunner {
    const runner = super.createRunner();
    // MikroORM would set the session's search_path, and reset it to that of nobody.
    runner.setRunSchema = () => {};
    return runner;
  }

  override async init(): Promise<void> {
    // MikroORM would look for the base's database, which it has not.
    await this.initPaths();
  }
}
