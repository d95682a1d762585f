import assert from 'node:assert/strict';
import { defineResource, resource as verbs } from '../../extend.ts';
import { createTenancy, isTenancyError, memoryStore, type Tenancy, type TenantResource } from '../../index.ts';

/** How `resourceSuite` uses a resource of which it knows nothing else. */
export interface ResourceDriver<Handle> {
  readonly resource: TenantResource<Handle>;
  /** Keeps a value under a name that the handle's scope has not used yet: in a file, a key, a job of that name. */
  write(handle: Handle, name: string, value: string): unknown;
  /** The value that the handle's scope has under the name, or `undefined`. */
  read(handle: Handle, name: string): string | undefined | Promise<string | undefined>;
  /** Names all that is in the resource's storage, whosever it is: keys, files. What is left of a tenant is found there. */
  stored?(): readonly string[] | Promise<readonly string[]>;
  /** Ends what was opened besides the resource. */
  close?(): Promise<void>;
}

/** A resource at work: in a tenancy whose tenants `acme`, `beta` and `gamma` are there. */
export interface Site {
  readonly tenancy: Tenancy;
  readonly resource: TenantResource<unknown>;
  /** Writes and reads through the handle of the current scope, or through one that is given. */
  write(name: string, value: string, handle?: unknown): Promise<void>;
  read(name: string, handle?: unknown): Promise<string | undefined>;
  /** What a tenant has under a name, seen from a scope of its own. */
  has(tenant: string, name: string): Promise<string | undefined>;
  stored(): Promise<readonly string[]>;
  /** Makes the next creation of a tenant fail, after the resource's part of it and `before`. */
  failNextCreate(before: (handle: unknown) => Promise<void>): void;
}

/** The promises of a resource, by the sentence that each is. */
export type ResourcePromises = Readonly<Record<string, (site: Site) => Promise<void>>>;

/** The tenants that are there at the beginning. */
export const tenants: readonly string[] = ['acme', 'beta', 'gamma'];

/** Checks one promise in a tenancy of its own, and ends it. */
export async function hold<Handle>(
  driver: ResourceDriver<Handle>,
  check: (site: Site) => Promise<void>,
): Promise<void> {
  let fail: ((handle: unknown) => Promise<void>) | undefined;
  const { resource } = driver;
  const own = resource[verbs];
  const neighbour = defineResource({
    name: 'resource-suite',
    open: () => undefined,
    async create(tenant) {
      const failing = fail;
      fail = undefined;
      if (failing === undefined) return;
      // Nobody can enter the tenant yet, so that there is something to undo only where something was made.
      if (own.create !== undefined) {
        const handle = own.open({ kind: 'tenant', tenant });
        await failing(handle);
        await own.close?.(handle);
      }
      throw new Error('This creation was to fail.');
    },
  });
  const tenancy = createTenancy({ store: memoryStore(), resources: [resource, neighbour] });
  const handleOr = (handle: unknown) => (handle === undefined ? tenancy.use(resource) : (handle as Handle));
  const site: Site = {
    tenancy,
    resource: resource as TenantResource<unknown>,
    write: async (name, value, handle) => void (await driver.write(handleOr(handle), name, value)),
    read: async (name, handle) => driver.read(handleOr(handle), name),
    has: (tenant, name) => tenancy.run(tenant, () => site.read(name)),
    stored: async () => [...((await driver.stored?.()) ?? [])].sort(),
    failNextCreate(before) {
      fail = before;
    },
  };
  try {
    await tenancy.migrateCentral();
    for (const id of tenants) await tenancy.tenants.create({ id });
    await check(site);
  } finally {
    try {
      await tenancy.close();
    } finally {
      await driver.close?.();
    }
  }
}

/** For what may as well be refused. */
export function refused(): undefined {}

/** What `fn` gives in central, or `undefined` where the resource is for tenants only. */
export async function inCentral<R>({ tenancy, resource }: Site, fn: () => Promise<R>): Promise<R | undefined> {
  return tenancy.central(async () => {
    try {
      tenancy.use(resource);
    } catch (error) {
      assert.ok(isTenancyError(error, 'NOT_IN_TENANT'), `expected a handle or NOT_IN_TENANT, got ${error}`);
      return undefined;
    }
    return fn();
  });
}

/** Lets callers go on together, once that many have come. */
export function meeting(callers: number): () => Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let awaited = callers;
  return () => {
    awaited -= 1;
    if (awaited === 0) resolve();
    return promise;
  };
}
