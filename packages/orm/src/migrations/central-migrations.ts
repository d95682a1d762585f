import type { CreatedMigration, CreateMigrationOptions } from '../mikro-orm/create-migration.ts';
import type { Migrated, MigrateTarget } from './migrate-target.ts';
import type { MigrationSet } from './migration-set.ts';
import type { MigrationTarget } from './migration-target.ts';
import type { CentralMigrations } from './migrations.ts';
import { fakeTo, type Operation, towards, upTo } from './operation.ts';
import { planned } from './plan.ts';

export interface CentralMigrationsParts {
  readonly set: () => Promise<MigrationSet>;
  readonly target: MigrationTarget;
  readonly migrateTarget: MigrateTarget;
  /** Creates the schema `central` if it does not exist. */
  readonly prepare: () => Promise<unknown>;
  /** Creates missing tables from the entities, where the application has no migrations of central. */
  readonly makeTables: (() => Promise<unknown>) | undefined;
  readonly create: (options: CreateMigrationOptions) => Promise<CreatedMigration>;
}

export function centralMigrations(parts: CentralMigrationsParts): CentralMigrations {
  const { set, target, migrateTarget, prepare, makeTables, create } = parts;

  async function perform(operation: (names: readonly string[]) => Operation): Promise<Migrated> {
    await prepare();
    return migrateTarget(target, operation((await set()).names));
  }

  async function namesOf(operation: (names: readonly string[]) => Operation): Promise<readonly string[]> {
    return (await perform(operation)).steps.map(({ name }) => name);
  }

  async function applied(): Promise<readonly string[]> {
    return (await perform((names) => ({ target: names, stepsFrom: () => [] }))).applied;
  }

  return {
    async status() {
      if (makeTables !== undefined) return { applied: [], pending: [] };
      const done = await applied();
      return { applied: done, pending: (await set()).names.filter((name) => !done.includes(name)) };
    },
    async plan({ direction = 'up', to, step } = {}) {
      // Looking must not create the log table.
      if (makeTables !== undefined) return [];
      const found = await set();
      const steps = towards(found.names, direction, to, step).stepsFrom(await applied());
      return Promise.all(steps.map(({ name }) => planned(found, name, direction)));
    },
    async up({ to } = {}) {
      if (makeTables === undefined || to !== undefined) return namesOf((names) => upTo(names, to));
      await makeTables();
      return [];
    },
    down: ({ to, step } = {}) => namesOf((names) => towards(names, 'down', to, step)),
    fake: ({ to } = {}) => namesOf((names) => fakeTo(names, to)),
    create: (options = {}) => create(options),
  };
}
