import type { IMigrationRunner } from '@mikro-orm/core';
import { Migrator } from '@mikro-orm/migrations';
import type { TenantEntityManager } from '../entities/entity-manager.ts';
import { type MigrationSource, useSource } from './migrator-options.ts';

/** MikroORM's migrator for migrations that run code, in a transaction that has the pin already. */
export class PinnedMigrator extends Migrator {
  constructor(em: TenantEntityManager, source: MigrationSource | undefined) {
    super(em);
    useSource(this, source);
  }

  protected override createRunner(): IMigrationRunner {
    const runner = super.createRunner();
    // MikroORM would set the session's search_path, and then reset it to the login's default.
    runner.setRunSchema = () => {};
    return runner;
  }

  override async init(): Promise<void> {
    // MikroORM would look for the database of the base, which has no connection.
    await this.initPaths();
  }
}
