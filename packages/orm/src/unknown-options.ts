import { TenancyError } from '@omnitenant/core';
import { type OptionNames, unknownOption } from '@omnitenant/core/extend';
import type { ServerOptions } from './connections/servers.ts';
import type { MigrationSource } from './mikro-orm/migrator-options.ts';
import type { OrmOptions } from './orm-options.ts';
import type { PlacementNames } from './placement/placement.ts';
import type { RowLogin } from './placement/row-login.ts';

const optionNames: OptionNames<OrmOptions> = {
  isolation: true,
  tenant: true,
  domain: true,
  shared: true,
  servers: true,
  credentials: true,
  connections: true,
  limits: true,
  roles: true,
  centralMigrations: true,
  seed: true,
  prepare: true,
  pendingMigrations: true,
  extensions: true,
  rows: true,
  sqlComments: true,
  names: true,
};
const serverNames: OptionNames<ServerOptions> = {
  clientUrl: true,
  host: true,
  port: true,
  user: true,
  password: true,
  maintenanceDatabase: true,
  connections: true,
  pool: true,
};
const rowNames: OptionNames<RowLogin> = { password: true, keys: true };
const placementNames: OptionNames<PlacementNames> = { schema: true, database: true, rows: true, role: true };
const sourceNames: OptionNames<MigrationSource> = { path: true, pathTs: true, migrationsList: true };

/**
 * Refuses unknown options, nested ones included: a mistyped one would leave its default in force.
 *
 * @throws CONFIG_INVALID
 */
export function refuseUnknownOptions(options: OrmOptions): void {
  const { servers = {}, credentials = {}, rows = {}, names = {}, centralMigrations = {} } = options;
  const faults = [
    ['createOrm', unknownOption(options, optionNames)],
    ...Object.entries(servers).map(([name, server]) => [`servers.${name}`, unknownOption(server, serverNames)]),
    ['credentials', unknownOption(credentials, { keys: true })],
    ['rows', unknownOption(rows, rowNames)],
    ['names', unknownOption(names, placementNames)],
    ['centralMigrations', unknownOption(centralMigrations, sourceNames)],
  ];
  const fault = faults.find(([, what]) => what);
  if (fault) throw new TenancyError('CONFIG_INVALID', fault.join(' '));
}
