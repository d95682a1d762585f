import { TenancyError } from '@omnitenant/core';
import type { CentralMigrations } from '@omnitenant/orm';

/** Central's tables come with the package, and are made when the file is opened. */
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
    'Central has no migrations on SQLite: its file has the records of tenants only, and their tables come with @omnitenant/sqlite.',
  );
}
