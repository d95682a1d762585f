import type { Tenant } from '@omnitenant/core';
import type { ResourceVerbs } from '@omnitenant/core/extend';
import {
  endWorkOf,
  noCentralEntities,
  placeInOne,
  type StoreMigrations,
  type TenantEntityManager,
} from '@omnitenant/orm/extend';
import { exportDatabase } from './archive/export-database.ts';
import { checkImport, type ImportParts, importDatabase } from './archive/import-database.ts';
import type { Admin } from './central/admin.ts';
import type { SessionPool } from './sessions/session-pool.ts';
import type { Logins } from './storage/logins.ts';
import type { TenantStorage } from './storage/tenant-storage.ts';

/** What the tenants' databases are made, used and removed with. */
export interface TenantResourceOptions {
  readonly admin: Admin;
  readonly storage: TenantStorage;
  readonly logins: Logins;
  readonly pool: SessionPool;
  readonly fork: (tenant: Tenant) => TenantEntityManager;
  readonly migrations: StoreMigrations;
  readonly archive: ImportParts;
  readonly seed: ((em: never, tenant: Tenant) => unknown) | undefined;
  /** Whether this resource decides where tenants are, because it keeps their records. */
  readonly places: boolean;
}

/** A database of MariaDB for each tenant, as a resource. */
export function tenantResource(options: TenantResourceOptions): ResourceVerbs<TenantEntityManager> {
  const { admin, storage, logins, pool, fork, migrations, archive } = options;
  const seed = options.seed as ((em: unknown, tenant: Tenant) => unknown) | undefined;

  return {
    name: 'mariadb',
    probes: [{ name: 'mariadb', check: () => admin.get('select 1').then(() => undefined) }],
    storageBytes: (tenants) => storage.storageBytes(tenants),
    ...(options.places && { place: (draft) => placeInOne(place, draft) }),
    refused,

    open(scope) {
      if (scope.kind === 'central') throw noCentralEntities();
      return fork(scope.tenant);
    },

    scopeEnded(scope) {
      endWorkOf(scope);
      pool.scopeEnded(scope);
    },

    async create(tenant) {
      await storage.create(tenant);
      return 'empty';
    },

    async migrate(tenant, provisioned) {
      if (provisioned === undefined) await storage.renewLogin(tenant);
      await migrations.migrate(tenant);
      if (provisioned === undefined || seed === undefined) return;
      await fork(tenant).transactional((em) => seed(em, tenant) as Promise<unknown>);
    },

    async destroy(tenant) {
      pool.closeOf(logins.of(tenant).user);
      await storage.destroy(tenant);
    },

    export: (tenant) => exportDatabase(archive, tenant),
    import: (tenant, parts) => importDatabase(archive, tenant, parts),
    checkImport: (_, parts) => checkImport(archive, parts),

    joined: (tenancy) => migrations.joined(tenancy),

    async end() {
      pool.end();
      await admin.end();
    },
  };
}

/** What a database cannot be, and what to do instead. */
const refused = {
  adopt:
    'a database of MariaDB is not taken over. Create the tenant, and import an archive or copy the rows in its scope.',
  release: 'its database is found by its record alone. Export the tenant first, and remove it with its storage.',
  move: 'on MariaDB there is one server. Export the tenant, and import the archive into an application on the other server.',
  anonymise:
    'a database of MariaDB is archived as it is. Import the archive under another id, and replace the values in the scope of the copy.',
};

const place = {
  on: 'MariaDB',
  own: 'a database',
  where: 'on the one server',
  server: 'mariadb',
  schema: (id: string) => id,
};
