import type { Placement, Tenant } from './models/tenant.ts';

/** The scope that a resource is opened for. */
export type ResourceScope = { readonly kind: 'tenant'; readonly tenant: Tenant } | { readonly kind: 'central' };

/** What a resource is asked to place: a tenant that does not exist yet. */
export interface PlacementDraft {
  readonly id: string;
  readonly isolation?: string;
  readonly placement?: Placement;
  readonly config: Readonly<Record<string, unknown>>;
}

/** Where a resource places a tenant. */
export interface PlacementAnswer {
  readonly isolation: string;
  readonly placement: Placement;
}

/**
 * What each tenant has one of: a database, a cache, a queue, or the application's own. A capability is there by presence.
 * Every method is called outside all scopes, so that a pool, timer or listener it makes belongs to no tenant.
 */
export interface TenantResource<Handle = unknown> {
  /** Unique in a tenancy; names the resource in messages. */
  readonly name: string;
  /** Makes the scope's handle, once per scope and when it is first asked for; synchronous and cheap. */
  open(scope: ResourceScope): Handle;
  /** Ends a handle at the end of the scope that opened it, newest first. */
  close?(handle: Handle): void | Promise<void>;
  /** Says where a new tenant will be. Throws ISOLATION_UNKNOWN. */
  place?(draft: PlacementDraft): PlacementAnswer | Promise<PlacementAnswer>;
  /** Makes the tenant's storage; one that fails leaves nothing behind, because only what was made is undone. */
  create?(tenant: Tenant): Promise<void>;
  /**
   * Takes storage that is there already for the tenant's, as `create` would have made it; `at` is the last migration that it
   * has. `destroy` gives it back as it was, and ends none that was adopted.
   */
  adopt?(tenant: Tenant, options: { readonly at?: string }): Promise<void>;
  /** Brings the tenant's storage up to date. */
  migrate?(tenant: Tenant): Promise<void>;
  /** Ends the tenant's storage; does nothing where it is already gone, or was never made. */
  destroy?(tenant: Tenant): Promise<void>;
  /** Drops what was cached for a tenant whose record changed or went. */
  changed?(tenantId: string): void | Promise<void>;
  /** Brings what lives in central up to date, making it the first time. */
  migrateCentral?(): Promise<void>;
  /** Ends what the resource holds for the process, such as pools and sockets. */
  end?(): Promise<void>;
}

/** The resource itself, with the type of its handle inferred. */
export function defineResource<Handle>(resource: TenantResource<Handle>): TenantResource<Handle> {
  return resource;
}
