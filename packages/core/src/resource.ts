import type { ArchivePart } from './archive/archive-part.ts';
import type { TenancyError } from './errors/errors.ts';
import type { Placement, Tenant } from './models/tenant.ts';
import type { VerbOptions } from './models/verb-options.ts';
import type { TenantStore } from './stores/store.ts';

/** The key of a resource's verbs, which only the tenancy calls. The same symbol in every copy of the package. */
export const resource: unique symbol = Symbol.for('omnitenant.resource') as never;

/** A resource as the application sees it. Its verbs are behind a symbol, because they can destroy a tenant's storage. */
export interface TenantResource<Handle = unknown> {
  readonly [resource]: ResourceVerbs<Handle>;
}

/** A resource that also stores the tenants: it brings the store of its tenancy. */
export interface StoringResource<Handle, T extends Tenant> extends TenantResource<Handle> {
  readonly [resource]: ResourceVerbs<Handle> & { readonly store: TenantStore<T> };
}

/** The placement that a resource chooses for a tenant. */
export interface PlacementAnswer {
  readonly isolation: string;
  readonly placement: Placement;
}

/**
 * The functions that the tenancy calls to give each tenant its own database, cache or queue. All but `name` and `open` are
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
   * nothing behind, because the tenancy undoes only steps that succeeded. If it is to be `empty`, migrations are applied later.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: an async function without a return promises void.
  create?(tenant: Tenant, options?: { readonly empty: boolean }): Promise<ProvisionedAs | void>;
  /**
   * Takes over existing storage instead of creating it; `at` is the last migration applied to it.
   * `destroy` releases it unchanged, and drops nothing that was adopted.
   */
  adopt?(tenant: Tenant, options: { readonly at?: string | undefined }): Promise<void>;
  /** Whether the tenant's storage existed before the tenant. Without it, none did. */
  isAdopted?(tenant: Tenant): Promise<boolean>;
  /** Applies pending migrations to the tenant's storage. After `create`, `provisioned` is its answer. */
  migrate?(tenant: Tenant, provisioned?: ProvisionedAs): Promise<void>;
  /** Destroys the tenant's storage; does nothing if there is none. */
  destroy?(tenant: Tenant): Promise<void>;
  /**
   * Leaves the tenant's storage with its contents, so that `adopt` takes it over for another tenant or for one of the same id. Fails if
   * there is none of this tenant. Without it, storage is destroyed also where the application asks to keep it.
   */
  release?(tenant: Tenant): Promise<void>;
  /**
   * Verbs that cannot be done here, each with a sentence that says what to do instead. They are refused before anything is done: `adopt`,
   * a removal that keeps the storage (`release`), `move`, and an anonymised export (`anonymise`).
   */
  readonly refused?: Readonly<Partial<Record<RefusedVerb, string>>> | undefined;
  /**
   * Streams what the tenant has, for its archive, as it was at one moment. The other verbs of the tenant wait until the stream was read or
   * given up. Without it, an archive has nothing of this resource.
   */
  export?(tenant: Tenant): AsyncIterable<ArchivePart>;
  /**
   * The same with everything replaced as `rules` say, which are those of `Anonymisation.resources`. It refuses what has no rule before it
   * reads anything. Without it, the resource is left out of an anonymised archive, and rules for it are refused.
   */
  exportAnonymised?(tenant: Tenant, rules: unknown): AsyncIterable<ArchivePart>;
  /**
   * Fills the storage that `create` has made empty with the parts that `export` wrote, which come in their order; there are none if
   * the archive has nothing of this resource. `migrate` follows. If it fails, `destroy` is called.
   */
  import?(tenant: Tenant, parts: AsyncIterable<ArchivePart>): Promise<void>;
  /**
   * Rejects with ARCHIVE_INVALID where `import` would refuse these parts, and changes nothing. It is asked before a tenant's data is replaced by
   * that of an archive. It may leave parts unread.
   */
  checkImport?(tenant: Tenant, parts: AsyncIterable<ArchivePart>): Promise<void>;
  /** Forgets what was derived from the tenant's data, which an archive has replaced. Storage without `import` is left as it is otherwise. */
  restored?(tenant: Tenant): Promise<void>;
  /**
   * What each of the tenants stores now, in bytes, by its incarnation (`incarnationOf`), with few queries whatever their number. A tenant of
   * which that cannot be told is left out.
   */
  storageBytes?(tenants: readonly Tenant[]): Promise<ReadonlyMap<string, number>>;
  /**
   * Moves the tenant's storage, and makes the record name the new place; without a target it goes on with a move that was cut short.
   * What fails is undone, or goes on with the next call.
   */
  move?(tenant: Tenant, target: MoveTarget | undefined, context: MoveContext): Promise<void>;
  /** Undoes a move that was cut short, if the record does not name the new place yet; else it ends it. */
  undoMove?(tenant: Tenant, context: MoveContext): Promise<void>;
  /** Drops what was cached for a tenant after its record was changed or deleted. */
  changed?(tenantId: string): void | Promise<void>;
  /** Migrates what the resource keeps in central; creates it the first time. */
  migrateCentral?(): Promise<void>;
  /** Receives the part of a tenancy in migrations that the resource runs itself. `createTenancy` calls it. */
  joined?(tenancy: FleetMigration): void;
  /** What shows whether the resource works, for `tenancy.health`. Each must settle by itself and change nothing. */
  readonly probes?: readonly HealthProbe[] | undefined;
  /** Closes what the resource holds for the process, such as pools and sockets. */
  end?(): Promise<void>;
}

/** A tenancy's part in migrations that a resource runs over many tenants itself, and not by `tenants.migrate`. */
export interface FleetMigration {
  /** Whether other resources are migrated too, also where the caller has nothing to do. */
  readonly hasOthers: boolean;
  /** Whether a handler may veto. */
  readonly asks: boolean;
  /** For how long verbs lease a tenant, and wait for each other. The caller has a tenant's lease while it migrates it. */
  readonly verbs: Required<VerbOptions>;
  /** Call it before a tenant is migrated. Rejects with VETOED. */
  migrating(tenant: Tenant): Promise<void>;
  /** Call it under the tenant's lease, which `confirm` asks about: it migrates the other resources. Rejects with MIGRATE_FAILED. */
  migrateOthers(tenant: Tenant, confirm: () => Promise<void>): Promise<void>;
  /** Call it afterwards, without the lease. */
  migrated(tenant: Tenant): Promise<void>;
  /** Call it instead where the tenant could not be migrated. */
  failed(tenant: Tenant, error: TenancyError): Promise<void>;
  /** The same for a run that undoes migrations, or only marks them: with its own signals, and without other resources. */
  as(run: 'down' | 'fake'): FleetMigration;
}

/** What a resource may refuse to do. */
export type RefusedVerb = 'adopt' | 'release' | 'move' | 'anonymise';

/** The destination of a move. Omitted properties stay unchanged, or get the default of a new tenant. */
export interface MoveTarget {
  readonly isolation?: string | undefined;
  readonly placement?: Placement | undefined;
}

/**
 * The steps of a move. From `seal` on, the tenant can only be read where it was; `drop` destroys that. A move that is online copies before it
 * seals.
 */
export type MoveStep = 'create' | 'seal' | 'copy' | 'switch' | 'drop';

/** Whether a tenant can be written to while its rows are copied: `auto`, if that is possible; `required`, or the move is refused; `never`. */
export type OnlineMove = 'auto' | 'required' | 'never';

/** What a move reports of each step when it begins, and of `copy` again whenever changed rows were copied. */
export interface MoveProgress {
  readonly step: MoveStep;
  /** Whether the tenant can be written to while its rows are copied. `undefined` where a move that was cut short is only finished. */
  readonly online?: boolean | undefined;
  /** Why not. */
  readonly whyNotOnline?: string | undefined;
  /** How many changed rows were copied after the others. */
  readonly changedRows?: number | undefined;
  /** For how long writes were refused, in milliseconds. With `drop`, when that is over. */
  readonly readOnlyMs?: number | undefined;
}

/** The context of a move. */
export interface MoveContext {
  /** The holder of the tenant's lease, whom conditional writes name. */
  readonly holder: string | undefined;
  /** Call it before each step. Rejects with TENANT_BUSY once another process has taken over. */
  confirm(): Promise<void>;
  /** Is told of each step when it begins. */
  readonly onProgress?: ((progress: MoveProgress) => void) | undefined;
  /** Default: `auto`. */
  readonly online?: OnlineMove | undefined;
  /** Undoes the move once aborted, unless the record names the new place already. */
  readonly signal?: AbortSignal | undefined;
  /** Of a move that is undone: a place that cannot be reached is given up, with what is there. */
  readonly forget?: boolean | undefined;
}

/** A check of a resource. It resolves to a warning if there is one, and rejects if it failed. */
export interface HealthProbe {
  readonly name: string;
  // biome-ignore lint/suspicious/noConfusingVoidType: a check without a return promises void.
  check(): Promise<string | HealthWarning | undefined | void>;
}

/** A warning that names a few of the tenants that it is about. `reason` names none. */
export interface HealthWarning {
  readonly reason: string;
  readonly tenants: readonly string[];
}

/** How far `create` brought a tenant's storage: empty, migrated, or migrated with its version recorded in central. */
export type ProvisionedAs = 'empty' | 'migrated' | 'migrated-and-recorded';

/** The scope that a resource is opened for. */
export type ResourceScope = { readonly kind: 'tenant'; readonly tenant: Tenant } | { readonly kind: 'central' };

/** A tenant that does not exist yet, for a resource to place. */
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
