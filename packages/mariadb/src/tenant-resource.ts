import { TenancyError, type Tenant } from '@omnitenant/core';
import type { ResourceVerbs } from '@omnitenant/core/extend';
import { endWorkOf, noCentralEntities, type StoreMigrations, type TenantEntityManager } from '@omnitenant/orm/extend';
import { exportDatabase } from './archive/export-database.ts';
import { type ImportParts, importDatabase } from './archive/import-database.ts';
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
    ...(options.places && { place: ({ id, isolation }) => placed(id, isolation) }),

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

    adopt: (tenant) => Promise.reject(notAdopted(tenant)),
    release: (tenant) => Promise.reject(notReleased(tenant)),
    joined: (tenancy) => migrations.joined(tenancy),

    async end() {
      pool.end();
      await admin.end();
    },
  };
}

/** All tenants are on the one server. */
function placed(id: string, isolation = 'database') {
  if (isolation === 'database') return { isolation, placement: { server: 'mariadb', database: id, schema: id } };
  const message = `Tenant "${id}" asks for isolation "${isolation}", and on MariaDB each tenant has a database of its own: isolation "database".`;
  throw new TenancyError('ISOLATION_UNKNOWN', message, { tenant: id });
}

function notAdopted({ id }: Tenant): TenancyError {
  const message = `Tenant "${id}" cannot adopt a database of MariaDB. Create the tenant, and import an archive or copy the rows in its scope.`;
  return new TenancyError('PROVISION_FAILED', message, { tenant: id });
}

function notReleased({ id }: Tenant): TenancyError {
  const message = `The database of tenant "${id}" cannot be kept when the tenant is removed. Export it first, and remove the tenant with its storage.`;
  return new TenancyError('REMOVE_FAILED', message, { tenant: id });
}
