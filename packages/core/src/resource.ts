import type { TenancyError } from './errors.ts';
import type { Placement, Tenant } from './models/tenant.ts';
import type { TenantStore } from './stores/store.ts';

/** The key of a resource's verbs, which only the tenancy calls. The same symbol in every copy of the package. */
export const resource: unique symbol = Symbol.for('omnitenant.resource') as never;

/** A resource as the application sees it. Its verbs are behind a symbol, because they can destroy a tenant's storage. */
export interface TenantResource<Handle = unknown> {
  readonly [resource]: ResourceVerbs<Handle>;
}

/** A resource that also keeps the tenants: it brings the store of its tenancy. */
export interface StoringResource<Handle, T extends Tenant> extends TenantResource<Handle> {
  readonly [resource]: ResourceVerbs<Handle> & { readonly store: TenantStore<T> };
}

/** Where a resource places a tenant. */
export interface PlacementAnswer {
  readonly isolation: string;
  readonly placement: Placement;
}

/**
 * What the tenancy calls to give each tenant its own database, cache, queue or the like. All but `name` and `open` are
 * optional. Every verb is called outside all scopes, so that a pool, timer or listener it makes belongs to no tenant.
 */
export interface ResourceVerbs<Handle = unknown> {
  /** Unique in a tenancy; names the resource in messages. */
  readonly name: string;
  /** Opens the scope's handle, once per scope and on first use. Synchronous and cheap. */
  open(scope: ResourceScope): Handle;
  /** Closes a handle when the scope that opened it ends, newest first. */
  close?(handle: Handle): void | Promise<void>;
  /**
   * Ends what a scope that has used the resource has left open, such as transactions. Unlike with `close`, work that the
   * scope leaves behind may still get a handle.
   */
  scopeEnded?(scope: ResourceScope): void;
  /** Chooses the isolation and placement of a new tenant. Throws ISOLATION_UNKNOWN. */
  place?(draft: PlacementDraft): PlacementAnswer | Promise<PlacementAnswer>;
  /**
   * Creates the tenant's storage and returns its state; without an answer the storage is empty. If it fails, it must leave
   * nothing behind, because the tenancy undoes only steps that succeeded.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: an async function without a return promises void.
  create?(tenant: Tenant): Promise<ProvisionedAs | void>;
  /**
   * Takes over existing storage instead of creating it; `at` is the last migration applied to it.
   * `destroy` releases it unchanged, and drops nothing that was adopted.
   */
  adopt?(tenant: Tenant, options: { readonly at?: string | undefined }): Promise<void>;
  /** Applies pending migrations to the tenant's storage. After `create`, `provisioned` is its answer. */
  migrate?(tenant: Tenant, provisioned?: ProvisionedAs): Promise<void>;
  /** Destroys the tenant's storage; does nothing if there is none. */
  destroy?(tenant: Tenant): Promise<void>;
  /**
   * Leaves the tenant's storage with its contents, so that `adopt` takes it over for another tenant or for one of the same id. Fails if
   * there is none of this tenant. Without it, storage is destroyed also where the application asks to keep it.
   */
  release?(tenant: Tenant): Promise<void>;
  /** Drops what was cached for a tenant after its record was changed or deleted. */
  changed?(tenantId: string): void | Promise<void>;
  /** Migrates what the resource keeps in central; creates it the first time. */
  migrateCentral?(): Promise<void>;
  /** Receives the part of a tenancy in migrations that the resource runs itself. `createTenancy` calls it. */
  joined?(tenancy: FleetMigration): void;
  /** Closes what the resource holds for the process, such as pools and sockets. */
  end?(): Promise<void>;
}

/** A tenancy's part in migrations that a resource runs over many tenants itself, and not by `tenants.migrate`. */
export interface FleetMigration {
  /** Whether other resources are migrated too, also where the caller has nothing to do. */
  readonly hasOthers: boolean;
  /** Whether a handler may veto. */
  readonly asks: boolean;
  /** Call it before a tenant is migrated. Rejects with VETOED. */
  migrating(tenant: Tenant): Promise<void>;
  /** Call it afterwards: it migrates the other resources. Rejects with MIGRATE_FAILED. */
  migrated(tenant: Tenant): Promise<void>;
  /** Call it instead where the tenant could not be migrated. */
  failed(tenant: Tenant, error: TenancyError): Promise<void>;
}

/** How far `create` brought a tenant's storage: empty, migrated, or migrated with its version recorded in central. */
export type ProvisionedAs = 'empty' | 'migrated' | 'migrated-and-recorded';

/** The scope that a resource is opened for. */
export type ResourceScope = { readonly kind: 'tenant'; readonly tenant: Tenant } | { readonly kind: 'central' };

/** What a resource is asked to place: a tenant that does not exist yet. */
export interface PlacementDraft {
  readonly id: string;
  readonly isolation?: string | undefined;
  readonly placement?: Placement | undefined;
  readonly config: Readonly<Record<string, unknown>>;
  /** Whether existing storage is taken over, so that the names in the placement are what they are. */
  readonly adopts?: boolean | undefined;
}

/** A resource of these verbs, with the type of its handle inferred. */
export function defineResource<Handle, T extends Tenant>(
  verbs: ResourceVerbs<Handle> & { readonly store: TenantStore<T> },
): StoringResource<Handle, T>;
export function defineResource<Handle>(verbs: ResourceVerbs<Handle>): TenantResource<Handle>;
export function defineResource<Handle>(verbs: ResourceVerbs<Handle>): TenantResource<Handle> {
  return { [resource]: verbs };
}

/** The verbs of a resource. */
export function verbsOf<Handle>(of: TenantResource<Handle>): ResourceVerbs<Handle> {
  return of[resource];
}
