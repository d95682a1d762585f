import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import type { Tenant } from '@omnitenant/core';
import type { ResourceVerbs } from '@omnitenant/core/extend';
import { endWorkOf, noCentralEntities, placeInOne, type TenantEntityManager } from '@omnitenant/orm/extend';
import { exportFile } from './archive/export-file.ts';
import { importFile, requireKnownMigrations } from './archive/import-file.ts';
import { removeTenantFile, storedBytes, writeTenantFile } from './files/tenant-files.ts';
import { pathOf } from './files/tenant-path.ts';
import type { NativeDatabase } from './handles/native.ts';
import type { OpenFiles } from './handles/open-files.ts';
import type { HandleOptions } from './handles/open-handle.ts';
import type { OpenMigrations } from './migrations/open-migrations.ts';

/** What the tenants' files are made, used and removed with. */
export interface TenantResourceOptions {
  readonly folder: string;
  readonly handles: HandleOptions;
  readonly files: OpenFiles;
  /** Opens a further handle of a tenant's file. */
  readonly open: (tenant: Tenant) => NativeDatabase;
  readonly fork: (tenant: Tenant) => TenantEntityManager;
  readonly migrations: OpenMigrations;
  readonly seed: ((em: never, tenant: Tenant) => unknown) | undefined;
  /** Whether this resource decides where tenants are, because it keeps their records. */
  readonly places: boolean;
  readonly end: () => void;
}

/** A SQLite file for each tenant, as a resource. */
export function tenantResource(options: TenantResourceOptions): ResourceVerbs<TenantEntityManager> {
  const { folder, handles, files, open, fork, migrations } = options;
  const flush = handles.synchronous === 'full';
  const seed = options.seed as ((em: unknown, tenant: Tenant) => unknown) | undefined;

  return {
    name: 'sqlite',
    probes: [{ name: 'sqlite', check: () => access(folder, constants.R_OK | constants.W_OK) }],
    storageBytes: (tenants) => storedBytes(folder, tenants),
    ...(options.places && { place: (draft) => placeInOne(place, draft) }),
    refused,

    open(scope) {
      if (scope.kind === 'central') throw noCentralEntities();
      return fork(scope.tenant);
    },

    scopeEnded: endWorkOf,
    changed: (id) => files.closeIdle(id),

    async create(tenant, { empty } = { empty: false }) {
      await writeTenantFile(pathOf(folder, tenant), tenant, await migrations.template(empty), { flush });
      return empty ? 'empty' : 'migrated';
    },

    async migrate(tenant, provisioned) {
      if (provisioned !== 'migrated') await migrations.migrate(tenant);
      if (provisioned === undefined || seed === undefined) return;
      await fork(tenant).transactional((em) => seed(em, tenant) as Promise<unknown>);
    },

    async destroy(tenant) {
      files.close(tenant);
      await removeTenantFile(pathOf(folder, tenant));
    },

    export: (tenant) => exportFile(() => open(tenant)),

    async import(tenant, parts) {
      files.close(tenant);
      await importFile(handles, pathOf(folder, tenant), tenant, parts);
      await requireKnownMigrations(tenant, migrations.unknownIn);
    },

    joined: (tenancy) => migrations.joined(tenancy),

    async end() {
      options.end();
    },
  };
}

/** What a file cannot be, and what to do instead. */
const refused = {
  adopt: 'a file of SQLite is not taken over. Create the tenant, and import an archive or copy the rows in its scope.',
  release: 'its file is found by its record alone. Export the tenant first, and remove it with its storage.',
  move: 'on SQLite there is one place, its file. Export the tenant, and import the archive into the other application.',
  anonymise:
    'a file of SQLite is archived as it is. Import the archive under another id, and replace the values in the scope of the copy.',
};

const place = { on: 'SQLite', own: 'a file', where: 'in the one folder', server: 'folder', schema: () => 'main' };
