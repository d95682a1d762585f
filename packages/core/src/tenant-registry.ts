import type { ArchiveOptions, Purge, PurgeOptions } from './lifecycle/purge.ts';
import type { Removal, RemoveOptions } from './lifecycle/remove.ts';
import type { Domain } from './models/domain.ts';
import type { Tenant, TenantChange, TenantInput } from './models/tenant.ts';
import type { TenantFilter } from './stores/store.ts';

/** What `update` may change. The status has its own verbs, and resources choose the placement. */
export type TenantUpdate<T extends Tenant = Tenant> = Omit<TenantChange<T>, 'status' | 'placement' | 'retainUntil'>;

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
  create(input: TenantInput<T>): Promise<T>;
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
  /** Changes the name, the config or the application's own columns. */
  update(id: string, change: TenantUpdate<T>): Promise<T>;
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
  /** Removes archived tenants whose retention has ended. One that fails does not stop the others. */
  purge(options?: PurgeOptions): Promise<Purge>;
  domains(id: string): Promise<Domain[]>;
  /** Rejects with DOMAIN_INVALID, DOMAIN_TAKEN or TENANT_UNKNOWN; a new primary domain replaces the old one. */
  addDomain(id: string, host: string, options?: { readonly primary?: boolean }): Promise<Domain>;
  /** Removes a domain if it is the tenant's. Rejects with DOMAIN_INVALID. */
  removeDomain(id: string, host: string): Promise<void>;
}
