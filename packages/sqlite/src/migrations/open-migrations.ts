import type { Tenant } from '@omnitenant/core';
import type { TenantStore } from '@omnitenant/core/extend';
import {
  loadMigrations,
  loadOnce,
  type Migrated,
  type MigrationSet,
  type Operation,
  type StoreMigrations,
  storeMigrations,
  type TenantEntityManager,
  upTo,
} from '@omnitenant/orm/extend';
import { templateBytes } from '../files/template.ts';
import type { NativeDatabase } from '../handles/native.ts';
import { type HandleOptions, prepareFile } from '../handles/open-handle.ts';
import { type TenantFile, tenantFile } from '../handles/tenant-file.ts';
import { appliedIn, migrateFile } from './migrate-file.ts';
import { verifyFiles } from './verify-files.ts';

/** The migrations of the tenants' files. */
export interface OpenMigrations extends StoreMigrations {
  /** The bytes of a new tenant's file: with all migrations, or empty. */
  template(empty: boolean): Promise<Uint8Array>;
  /** A migration that the tenant's file has, and this code does not. */
  unknownIn(tenant: Tenant): Promise<string | undefined>;
}

export interface OpenMigrationsOptions {
  readonly base: TenantEntityManager;
  readonly store: TenantStore;
  readonly handles: HandleOptions;
  readonly busyTimeoutMs: number;
  /** Opens a handle of any file. */
  readonly openAt: (path: string) => NativeDatabase;
  readonly fileOf: (tenant: Tenant) => TenantFile;
  /** An EntityManager on a file. */
  readonly forkOn: (file: () => TenantFile, label: string) => TenantEntityManager;
}

export function openMigrations(options: OpenMigrationsOptions): OpenMigrations {
  const { base, store, handles, busyTimeoutMs, openAt, fileOf, forkOn } = options;
  const set = loadOnce(() => loadMigrations(base));

  /** An EntityManager whose transactions check no reference before their end. */
  function forMigrations(file: () => TenantFile, label: string): TenantEntityManager {
    const unchecked = () => ({
      ...file(),
      begin: (how: Parameters<TenantFile['begin']>[0]) => file().begin({ ...how, foreignKeys: false }),
    });
    return forkOn(unchecked, label);
  }

  async function run(tenant: Tenant, operation: Operation): Promise<Migrated> {
    const em = forMigrations(() => fileOf(tenant), tenant.id);
    return migrateFile({ set: await set(), em, tenant }, operation);
  }

  async function appliedTo(tenant: Tenant): Promise<readonly string[]> {
    const em = forMigrations(() => fileOf(tenant), tenant.id);
    return (await appliedIn({ set: await set(), em })).applied;
  }

  /** Makes a file with these migrations, as a new tenant's is. */
  async function makeFile(path: string, operation: Operation, loaded: MigrationSet): Promise<void> {
    prepareFile(handles, path);
    const file = tenantFile({
      tenant: 'template',
      busyTimeoutMs,
      unknown: handles.unknown,
      open: () => openAt(path),
    });
    try {
      await migrateFile({ set: loaded, em: forMigrations(() => file, 'template') }, operation);
      // libSQL leaves the log beside the file when the last handle is closed.
      await file.execute('pragma wal_checkpoint(truncate)');
    } finally {
      file.close();
    }
  }

  const migrated = loadOnce(async () => {
    const loaded = await set();
    return templateBytes((path) => makeFile(path, upTo(loaded.names), loaded));
  });
  const blank = loadOnce(() => templateBytes(async (path) => prepareFile(handles, path)));

  const ofAll = storeMigrations({
    base,
    store,
    set,
    server: 'folder',
    run,
    appliedTo,
    verify: async (ledger, wish) => {
      const loaded = await set();
      const expected = (applied: readonly string[], path: string) => makeFile(path, upTo(applied), loaded);
      return verifyFiles({ ledger, appliedTo, fileOf, openAt, expected, names: loaded.names }, wish);
    },
  });

  return {
    ...ofAll,
    template: (empty) => (empty ? blank() : migrated()),
    async unknownIn(tenant) {
      const { names } = await set();
      return (await appliedTo(tenant)).find((name) => !names.includes(name));
    },
  };
}
