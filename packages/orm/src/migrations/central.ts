import type { Tenant } from '@omnitenant/core';
import type { CreatedMigration, CreateMigrationOptions } from './author.ts';
import type { MigratePlace } from './migrate-place.ts';
import type { MigrationSet } from './migration-set.ts';
import type { CentralMigrations } from './migrations.ts';
import { downTo, upTo } from './operation.ts';

export interface CentralMigrationsParts {
  readonly set: () => Promise<MigrationSet>;
  /** Central as a place that migrations run in. */
  readonly place: Tenant;
  readonly migratePlace: MigratePlace;
  /** Makes the schema `central`, where it is not there. */
  readonly prepare: () => Promise<unknown>;
  readonly create: (options: CreateMigrationOptions) => Promise<CreatedMigration>;
}

export const centralMigrations = (parts: CentralMigrationsParts): CentralMigrations => {
  const { set, place, migratePlace, prepare, create } = parts;
  return {
    async status() {
      await prepare();
      const { names } = await set();
      const { applied } = await migratePlace(place, { target: names, stepsFrom: () => [] });
      return { applied, pending: names.filter((name) => !applied.includes(name)) };
    },
    async up() {
      await prepare();
      const { steps } = await migratePlace(place, upTo((await set()).names));
      return steps.map(({ name }) => name);
    },
    async down({ to } = {}) {
      await prepare();
      const { names } = await set();
      const { steps } = await migratePlace(place, downTo(names, to ?? names.at(-2) ?? 0));
      return steps.map(({ name }) => name);
    },
    create: (options = {}) => create(options),
  };
};
