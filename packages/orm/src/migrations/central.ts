import type { Tenant } from '@omnitenant/core';
import type { CreatedMigration, CreateMigrationOptions } from '../mikro-orm/create-migration.ts';
import type { Migrated, MigratePlace } from './migrate-tenant.ts';
import type { MigrationSet } from './migration-set.ts';
import type { CentralMigrations } from './migrations.ts';
import { downTo, fakeTo, type Operation, upTo } from './operation.ts';

export interface CentralMigrationsParts {
  readonly set: () => Promise<MigrationSet>;
  /** Central as a place that migrations run in. */
  readonly place: Tenant;
  readonly migratePlace: MigratePlace;
  /** Makes the schema `central`, where it is not there. */
  readonly prepare: () => Promise<unknown>;
  readonly create: (options: CreateMigrationOptions) => Promise<CreatedMigration>;
}

export function centralMigrations(parts: CentralMigrationsParts): CentralMigrations {
  const { set, place, migratePlace, prepare, create } = parts;
  async function perform(operation: (names: readonly string[]) => Operation) {
    await prepare();
    return migratePlace(place, operation((await set()).names));
  }
  const namesOf = ({ steps }: Migrated) => steps.map(({ name }) => name);
  const applied = async () => (await perform((target) => ({ target, stepsFrom: () => [] }))).applied;
  return {
    async status() {
      const done = await applied();
      return { applied: done, pending: (await set()).names.filter((name) => !done.includes(name)) };
    },
    async plan({ to } = {}) {
      const { names, compile } = await set();
      const steps = upTo(names, to).stepsFrom(await applied());
      return Promise.all(steps.map(async ({ name }) => ({ name, ...(await compile(name, 'up')) })));
    },
    up: async ({ to } = {}) => namesOf(await perform((names) => upTo(names, to))),
    down: async ({ to } = {}) => namesOf(await perform((names) => downTo(names, to ?? names.at(-2) ?? 0))),
    fake: async ({ to } = {}) => namesOf(await perform((names) => fakeTo(names, to))),
    create: (options = {}) => create(options),
  };
}
