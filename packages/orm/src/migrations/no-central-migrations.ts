import { TenancyError } from '@omnitenant/core';
import type { CentralMigrations } from './migrations.ts';

/** Of a central that holds the records of tenants only, whose tables a package makes when it opens them. */
export const noCentralMigrations: CentralMigrations = {
  status: async () => ({ applied: [], pending: [] }),
  plan: async () => [],
  up: async () => [],
  down: async () => refuse(),
  fake: async () => refuse(),
  create: async () => refuse(),
};

function refuse(): never {
  throw new TenancyError(
    'CONFIG_INVALID',
    'Central has no migrations here: it holds the records of tenants only, and their tables come with the package.',
  );
}
