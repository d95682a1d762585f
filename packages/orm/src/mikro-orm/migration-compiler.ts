import { type IMigrationRunner, isRaw } from '@mikro-orm/core';
import { type Migration, Migrator } from '@mikro-orm/migrations';
import type { NativeQueryBuilder } from '@mikro-orm/sql';
import { isTenancyError, TenancyError } from '@omnitenant/core';
import type { TenantEntityManager } from '../entities/entity-manager.ts';
import { type MigrationSource, useSource } from './migrator-options.ts';

export type Direction = 'up' | 'down';

/** What one direction of a migration sends, if that can be known without running it in a tenant. */
export interface CompiledMigration {
  readonly transactional: boolean;
  /** `undefined` if the migration runs code. */
  readonly sql: readonly string[] | undefined;
}

/** A migration as MikroORM finds it. */
export interface FoundMigration {
  readonly name: string;
  up(): Promise<unknown>;
  down(): Promise<unknown>;
}

/** MikroORM's migrator with a runner that records what a migration would send, and sends nothing. */
export class MigrationCompiler extends Migrator {
  declare private collected: CompiledMigration | undefined;
  #previous: Promise<unknown> = Promise.resolve();

  constructor(em: TenantEntityManager, source: MigrationSource | undefined) {
    super(em);
    useSource(this, source);
  }

  get logTable(): string {
    return this.options.tableName?.split('.').at(-1) as string;
  }

  /** The folder that migrations are looked for in, or `undefined` if they are given as a list. */
  async folder(): Promise<string | undefined> {
    await this.resolvePaths();
    return this.absolutePath || undefined;
  }

  async discover(): Promise<FoundMigration[]> {
    // Not `initPaths`, which would create the folder where it is looked for.
    await this.resolvePaths();
    const found = (await this.discoverMigrations()) as unknown as FoundMigration[];
    const duplicate = found.find(({ name }, n) => found.findIndex((other) => other.name === name) !== n);
    if (duplicate) {
      throw new TenancyError('CONFIG_INVALID', `Two migrations have the name "${duplicate.name}". Rename one of them.`);
    }
    return found;
  }

  /** Compiles one migration at a time, because all of them report to `collected`. */
  compile(run: () => Promise<unknown>, name: string): Promise<CompiledMigration> {
    const compiled = this.#previous.then(async () => {
      try {
        await run();
        return this.collected as CompiledMigration;
      } catch (cause) {
        throw new TenancyError(
          'MIGRATE_FAILED',
          `The migration "${name}" fails before it sends a statement: ${(cause as Error).message}`,
          { cause },
        );
      }
    });
    this.#previous = compiled.catch(() => {});
    return compiled;
  }

  protected override createRunner(): IMigrationRunner {
    const run = async (migration: Migration, direction: Direction): Promise<void> => {
      this.collected = await this.collect(migration, direction);
    };
    return { run, setRunSchema: () => {}, unsetRunSchema: () => {} } as unknown as IMigrationRunner;
  }

  private async collect(migration: Migration, direction: Direction): Promise<CompiledMigration> {
    const transactional = (this.options.transactional ?? true) && migration.isTransactional();
    migration.reset();
    let runsCode = false;
    function refuse(): never {
      runsCode = true;
      throw new Error('A migration that is being compiled cannot send statements.');
    }
    migration.execute = refuse;
    migration.getEntityManager = refuse;
    try {
      await migration[direction]();
    } catch (error) {
      if (!runsCode && !isTenancyError(error, 'OUTSIDE_SCOPE')) throw error;
      runsCode = true;
    }
    // Also if the migration caught the refusal: what it queues afterwards depends on what a tenant has.
    if (runsCode) return { transactional, sql: undefined };
    const before = this.options.disableForeignKeys ? [`set local session_replication_role to 'replica'`] : [];
    const queries = migration.getQueries().map((query) => joinable(this.textOf(query)));
    return { transactional, sql: [...before, ...queries] };
  }

  private textOf(query: ReturnType<Migration['getQueries']>[number]): string {
    const { platform } = this.driver as unknown as {
      platform: { formatQuery(sql: string, params: readonly unknown[]): string };
    };
    if (typeof query === 'string') return query.trim().replace(/;$/, '');
    const { sql, params } = isRaw(query) ? query : (query as NativeQueryBuilder).compile();
    return platform.formatQuery(sql, params as readonly unknown[]);
  }
}

/** A statement that a semicolon can follow: without the line break, that would be part of a comment at its end. */
function joinable(sql: string): string {
  return sql.includes('--') ? `${sql}\n` : sql;
}
