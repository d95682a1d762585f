import type { Erasure } from '../archive/archive-part.ts';
import type { ExportOptions } from '../lifecycle/export.ts';
import type { KeepArchive } from '../lifecycle/hand-over.ts';
import type { ImportOptions } from '../lifecycle/import.ts';
import type { MoveOptions, UndoMoveOptions } from '../lifecycle/move.ts';
import type { ArchiveOptions, Purge, PurgeOptions } from '../lifecycle/purge.ts';
import type { Removal, RemoveOptions } from '../lifecycle/remove.ts';
import type { OpenArchiveBytes } from '../lifecycle/restore.ts';
import type { Domain } from '../models/domain.ts';
import type { Tenant, TenantChange, TenantInput } from '../models/tenant.ts';
import type { MoveTarget } from '../resource.ts';
import type { TenantFilter } from '../stores/store.ts';

/** The input of `update`. The status has its own verbs, and resources choose the placement. */
export type TenantUpdate<T extends Tenant = Tenant> = Omit<TenantChange<T>, 'status' | 'placement' | 'retainUntil'>;

/** How to change a tenant. */
export interface UpdateOptions {
  readonly unchangedSince?: Pick<Tenant, 'createdAt' | 'updatedAt'> | undefined;
}

/** How to create a tenant. */
export interface CreateOptions {
  /**
   * With `false` the tenant gets its storage without any tables, as to restore a dump into it, and stays under maintenance: migrate it,
   * then resume it. Default: true.
   */
  readonly migrate?: boolean | undefined;
}

/** The tenants and their lifecycle. Reads are cached and return tenants in any status. */
export interface TenantRegistry<T extends Tenant = Tenant> {
  /** Rejects with TENANT_UNKNOWN, or STORE_UNAVAILABLE. */
  get(id: string): Promise<T>;
  /** Rejects with STORE_UNAVAILABLE only. */
  tryGet(id: string): Promise<T | undefined>;
  findByDomain(host: string): Promise<T | undefined>;
  /** Streams tenants from the store in the order of their ids, uncached. */
  all(filter?: TenantFilter): AsyncIterable<T>;
  /**
   * Creates a tenant, whose scope may be entered once it is active. If a step fails, the steps before it are undone, and
   * you may try again. If that fails, too, the tenant is left `failed`, and `repair` finishes or removes it.
   * Rejects with TENANT_INVALID, DOMAIN_INVALID, ISOLATION_UNKNOWN, TENANT_EXISTS, DOMAIN_TAKEN, VETOED or PROVISION_FAILED.
   */
  create(input: TenantInput<T>, options?: CreateOptions): Promise<T>;
  /**
   * Creates a tenant from existing storage, such as a schema with its tables. `at` is the last migration applied to it; later
   * ones are applied now. `remove` keeps adopted storage. Rejects as `create` does.
   */
  adopt(input: TenantInput<T>, options?: { readonly at?: string }): Promise<T>;
  /**
   * Finishes a tenant that is `failed`, or that a process was creating when it ended: recreates its storage, which was never
   * visible, and activates it. With `clear` it removes the tenant instead, and resolves to `undefined`.
   * Rejects with TRANSITION_REFUSED, PROVISION_FAILED or REMOVE_FAILED.
   */
  repair(id: string, options?: { readonly clear?: false }): Promise<T>;
  repair(id: string, options: { readonly clear: boolean }): Promise<T | undefined>;
  /**
   * Deletes all data of a tenant and creates its storage again, with all migrations; its record and domains stay. It is under maintenance
   * meanwhile, and active afterwards. If interrupted, call it again. Rejects with TRANSITION_REFUSED, also for adopted storage, VETOED or
   * PROVISION_FAILED.
   */
  reset(id: string): Promise<T>;
  /**
   * Changes the name, the config or the application's own columns. With `unchangedSince`, a tenant as the caller has read it, it rejects
   * with TENANT_CHANGED if its record was changed since.
   */
  update(id: string, change: TenantUpdate<T>, options?: UpdateOptions): Promise<T>;
  /** Applies pending migrations to the tenant's storage. Rejects with VETOED, TRANSITION_REFUSED or MIGRATE_FAILED. */
  migrate(id: string): Promise<T>;
  /** Closes an active tenant. Rejects with TRANSITION_REFUSED. */
  suspend(id: string): Promise<T>;
  /** Closes an active or suspended tenant temporarily: callers are told to try again later. Rejects with TRANSITION_REFUSED. */
  startMaintenance(id: string): Promise<T>;
  /**
   * Closes a tenant permanently and keeps its storage, until `purge` may remove it. Call it again to change how long.
   * Rejects with TRANSITION_REFUSED.
   */
  archive(id: string, options?: ArchiveOptions): Promise<T>;
  /** Activates a tenant that is suspended, under maintenance or archived. Rejects with TRANSITION_REFUSED. */
  resume(id: string): Promise<T>;
  /**
   * Closes a tenant, destroys its storage and deletes its record. If interrupted, the tenant stays `removing`, and another
   * call finishes. Rejects with VETOED, TRANSITION_REFUSED or REMOVE_FAILED.
   */
  remove(id: string, options?: RemoveOptions & { readonly forget?: false }): Promise<void>;
  remove(id: string, options: RemoveOptions): Promise<Removal>;
  /**
   * Moves a tenant to another isolation, database or server. It can be read all the time. Where its server decodes changes, it can also be
   * written to while its rows are copied; else, and when the places are switched, what writes fails with TENANT_MOVING. `onProgress` is
   * told which, why, and for how long. If the process is killed, call it again: without a target it goes on.
   * Rejects with VETOED, TRANSITION_REFUSED, TENANT_INVALID or MOVE_FAILED.
   * @example
   * await tenancy.tenants.move('acme', { isolation: 'database', placement: { server: 'eu' } });
   */
  move(id: string, target?: MoveTarget, options?: MoveOptions): Promise<T>;
  /**
   * Leaves a tenant where its record says that it is, and destroys what a move that was cut short has left elsewhere. It can be written to
   * again. With `forget`, what cannot be reached there is left. Rejects with TRANSITION_REFUSED or MOVE_FAILED.
   */
  undoMove(id: string, options?: UndoMoveOptions): Promise<T>;
  /** Removes archived tenants whose retention has ended. One that fails does not stop the others. */
  purge(options?: PurgeOptions): Promise<Purge>;
  /**
   * Streams everything that a tenant has into an archive, as it was at one moment; closed tenants too. Its other verbs wait until the stream
   * was read or cancelled. With `anonymise`, rules replace what identifies people. Rejects with TRANSITION_REFUSED, VETOED or CONFIG_INVALID,
   * and the stream fails with ARCHIVE_REFUSED or EXPORT_FAILED.
   *
   * @example
   * await writeFile('acme.tar.zst', await tenancy.tenants.export('acme'));
   */
  export(id: string, options?: ExportOptions<T>): Promise<ReadableStream<Uint8Array>>;
  /**
   * Creates a tenant with everything that is in an archive, and migrates it: all of it or nothing. Rejects with ARCHIVE_INVALID, and as
   * `create` does.
   *
   * @example
   * await tenancy.tenants.import(createReadStream('acme.tar.zst'), { as: 'acme-restored' });
   */
  import(archive: AsyncIterable<Uint8Array>, options?: ImportOptions): Promise<T>;
  /**
   * Suspends a tenant, hands its archive to `keep`, and removes the tenant once that has read and kept all of it. The result proves it, as
   * does the signal `erased`, and holds no data of the tenant. If it fails, the tenant stays closed: call it again.
   * Rejects with what `keep` throws, with TENANT_CHANGED if the tenant's record was changed meanwhile, and as `export` and `remove` do.
   *
   * @example
   * await tenancy.tenants.erase('acme', (archive) => writeFile('acme.tar.zst', archive));
   */
  erase(id: string, keep: KeepArchive): Promise<Erasure>;
  /**
   * Replaces everything that a tenant has by what is in an archive of it, and migrates that. Its record stays: the id, name, config, columns and
   * domains. `archive` is called twice: first the archive is read to its end and checked, then what the tenant had is given to `keep`, which has to
   * read all of it, and then the archive is read again. An archive that is anonymised, or of an earlier tenant of the id, is refused.
   * The tenant is under maintenance meanwhile, and stays so if it was closed before. What fails before its data was deleted changes nothing. If it
   * fails later, the tenant stays closed without its data: restore it again, from this archive or from the one that was kept.
   * Rejects with what `keep` throws, with TENANT_CHANGED if the tenant's record was changed meanwhile, with TRANSITION_REFUSED where its storage
   * was adopted, and as `export` and `import` do.
   *
   * @example
   * await tenancy.tenants.restore('acme', () => createReadStream('acme.tar.zst'), (archive) => writeFile('acme-after.tar.zst', archive));
   */
  restore(id: string, archive: OpenArchiveBytes, keep: KeepArchive): Promise<T>;
  domains(id: string): Promise<Domain[]>;
  /** Rejects with DOMAIN_INVALID, DOMAIN_TAKEN or TENANT_UNKNOWN; a new primary domain replaces the old one. */
  addDomain(id: string, host: string, options?: { readonly primary?: boolean }): Promise<Domain>;
  /** Removes a domain if it is the tenant's. Rejects with DOMAIN_INVALID. */
  removeDomain(id: string, host: string): Promise<void>;
}
