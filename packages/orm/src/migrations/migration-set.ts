import { type IMigrationRunner, isRaw, type MigrationsOptions } from '@mikro-orm/core';
import { type Migration, Migrator } from '@mikro-orm/migrations';
import type { NativeQueryBuilder } from '@mikro-orm/sql';
import { isTenancyError, TenancyError } from '@omnitenant/core';
import type { TenantEntityManager } from '../entities/entity-manager.ts';
import { versionOf } from './version.ts';

export type Direction = 'up' | 'down';

/** One direction of a migration: what it sends, where that can be told without running it in a tenant. */
export interface CompiledMigration {
  readonly transactional: boolean;
  /** `undefined` where the migration runs code. */
  readonly sql: readonly string[] | undefined;
}

/** The migrations of the code, compiled once and replayed for each tenant. */
export interface MigrationSet {
  /** Their names, in order. */
  readonly names: readonly string[];
  /** The name of the table that each tenant's migrations are logged in. */
  readonly logTable: string;
  compile(name: string, direction: Direction): Promise<CompiledMigration>;
  /** The migrations that a version stands for, where it is one that this code has passed through. */
  appliedAt(version: string): readonly string[] | undefined;
}

/**
 * Finds the application's migrations as MikroORM does.
 *
 * @throws CONFIG_INVALID where two have one name.
 */
export async function loadMigrations(em: TenantEntityManager, kept: MigrationsKept = {}): Promise<MigrationSet> {
  const compiler = new Compiler(em, kept);
  const found = new Map((await compiler.discover()).map((migration) => [migration.name, migration]));
  const names = [...found.keys()];
  const prefixes = new Map(
    Array.from({ length: names.length + 1 }, (_, count) => {
      const applied = names.slice(0, count);
      return [versionOf(applied), applied];
    }),
  );
  const compiled = new Map<string, Promise<CompiledMigration>>();
  return {
    names,
    logTable: compiler.logTable,
    appliedAt: (version) => prefixes.get(version),
    compile: (name, direction) => {
      const key = `${direction} ${name}`;
      const known = compiled.get(key);
      if (known) return known;
      const migration = found.get(name);
      if (!migration) return Promise.reject(new TypeError(`There is no migration '${name}'.`));
      const result = compiler.compile(() => migration[direction](), name);
      compiled.set(key, result);
      return result;
    },
  };
}

/** Where migrations are kept, when it is not where the MikroORM configuration says. */
export type MigrationsKept = Pick<MigrationsOptions, 'path' | 'pathTs' | 'migrationsList'>;

interface FoundMigration {
  readonly name: string;
  up(): Promise<unknown>;
  down(): Promise<unknown>;
}

/** MikroORM's migrator, whose runner writes down what a migration would send. */
class Compiler extends Migrator {
  declare private collected: CompiledMigration | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(em: TenantEntityManager, kept: MigrationsKept) {
    super(em);
    keepAt(this, kept);
  }

  get logTable(): string {
    return this.options.tableName?.split('.').at(-1) as string;
  }

  async discover(): Promise<FoundMigration[]> {
    await this.initPaths();
    const found = (await this.discoverMigrations()) as unknown as FoundMigration[];
    const twice = found.find(({ name }, n) => found.findIndex((other) => other.name === name) !== n);
    if (twice) throw new TenancyError('CONFIG_INVALID', `There are two migrations named '${twice.name}'.`);
    return found;
  }

  /** Compiles one at a time, as they all report to `collected`. */
  compile(run: () => Promise<unknown>, name: string): Promise<CompiledMigration> {
    const compiled = this.#turn.then(async () => {
      try {
        await run();
        return this.collected as CompiledMigration;
      } catch (cause) {
        throw new TenancyError(
          'MIGRATE_FAILED',
          `The migration '${name}' fails before it sends anything: ${(cause as Error).message}`,
          { cause },
        );
      }
    });
    this.#turn = compiled.catch(() => {});
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
      throw new Error('A migration that is being compiled sends nothing.');
    }
    migration.execute = refuse;
    migration.getEntityManager = refuse;
    try {
      await migration[direction]();
    } catch (error) {
      if (!runsCode && !isTenancyError(error, 'OUTSIDE_SCOPE')) throw error;
      runsCode = true;
    }
    // Also where it has caught the refusal: what it queues after that depends on what a tenant has.
    if (runsCode) return { transactional, sql: undefined };
    const before = this.options.disableForeignKeys ? [`set local session_replication_role to 'replica'`] : [];
    return { transactional, sql: [...before, ...migration.getQueries().map((query) => this.textOf(query))] };
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

/** Has a migrator look for its migrations there, and not where those of the configuration are. */
export function keepAt(migrator: Migrator, kept: MigrationsKept): void {
  if (Object.keys(kept).length === 0) return;
  const own = migrator as unknown as { options: object };
  own.options = { ...own.options, path: undefined, pathTs: undefined, migrationsList: undefined, ...kept };
}
