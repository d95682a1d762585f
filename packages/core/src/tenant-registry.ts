import type { Domain } from './models/domain.ts';
import type { Tenant, TenantChange, TenantInput } from './models/tenant.ts';
import type { TenantFilter } from './stores/store.ts';

/** What the registry's `update` may change: a status has its own verbs, and a placement its resource. */
export type TenantUpdate<T extends Tenant = Tenant> = Omit<TenantChange<T>, 'status' | 'placement'>;

/** The cached, checked view of the store, and the lifecycle of its tenants. Every verb works on tenants of any status. */
export interface TenantRegistry<T extends Tenant = Tenant> {
  /** Rejects with TENANT_UNKNOWN, or STORE_UNAVAILABLE. */
  get(id: string): Promise<T>;
  /** Rejects with STORE_UNAVAILABLE only. */
  tryGet(id: string): Promise<T | undefined>;
  findByDomain(host: string): Promise<T | undefined>;
  /** Streams tenants from the store in the order of their ids, past the cache. */
  all(filter?: TenantFilter): AsyncIterable<T>;
  /**
   * Makes a tenant, which nobody sees before it is active. When a step fails, what was done is undone, so that it can be
   * tried again; where that fails too, the tenant is left `failed`, and `repair` finishes or clears it.
   * Rejects with TENANT_INVALID, DOMAIN_INVALID, ISOLATION_UNKNOWN, TENANT_EXISTS, DOMAIN_TAKEN, VETOED or PROVISION_FAILED.
   */
  create(input: TenantInput<T>): Promise<T>;
  /**
   * Makes a tenant of storage that is there already, such as a schema with its tables; `at` is the last migration that it has,
   * and what came after is applied. `remove` leaves adopted storage where it is. Rejects as `create` does.
   */
  adopt(input: TenantInput<T>, options?: { readonly at?: string }): Promise<T>;
  /**
   * Finishes a tenant that is `failed`, or that a process was making when it ended: what is there of its storage, which
   * nobody has seen, is made anew. With `clear` it is removed instead, and `undefined` comes back.
   * Rejects with TRANSITION_REFUSED, PROVISION_FAILED or REMOVE_FAILED.
   */
  repair(id: string, options?: { readonly clear?: false }): Promise<T>;
  repair(id: string, options: { readonly clear: boolean }): Promise<T | undefined>;
  /** Changes the name, the config or the application's own columns. */
  update(id: string, change: TenantUpdate<T>): Promise<T>;
  /** Brings the tenant's storage up to date. Rejects with VETOED, TRANSITION_REFUSED or MIGRATE_FAILED. */
  migrate(id: string): Promise<T>;
  /** Closes an active tenant at every door. Rejects with TRANSITION_REFUSED. */
  suspend(id: string): Promise<T>;
  /** Closes an active tenant for a while: its callers are told to try again later. Rejects with TRANSITION_REFUSED. */
  startMaintenance(id: string): Promise<T>;
  /** Closes a tenant for good, and keeps its storage. Rejects with TRANSITION_REFUSED. */
  archive(id: string): Promise<T>;
  /** Opens a tenant that is suspended, under maintenance or archived. Rejects with TRANSITION_REFUSED. */
  resume(id: string): Promise<T>;
  /**
   * Closes a tenant at every door, ends its storage and forgets it. Cut short, it stays `removing`, and another call
   * finishes. Rejects with VETOED, TRANSITION_REFUSED or REMOVE_FAILED.
   */
  remove(id: string): Promise<void>;
  domains(id: string): Promise<Domain[]>;
  /** Rejects with DOMAIN_INVALID, DOMAIN_TAKEN or TENANT_UNKNOWN; a new primary domain takes the place of the old. */
  addDomain(id: string, host: string, options?: { readonly primary?: boolean }): Promise<Domain>;
  /** Takes a domain away from its tenant, and does nothing where it leads elsewhere. Rejects with DOMAIN_INVALID. */
  removeDomain(id: string, host: string): Promise<void>;
}
