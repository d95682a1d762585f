import type { Tenancy, Tenant } from '@omnitenant/core';
import type { Orm } from '@omnitenant/orm';

/** What the command `omnitenant` works with: the application's own tenancy, and what the application adds to the commands. */
export interface OmnitenantConfig<T extends Tenant = Tenant> {
  /** Closed at the end of each command. */
  readonly tenancy: Tenancy<T>;
  readonly orm: Orm<T>;
  /** Makes someone who may do everything in a tenant, for `create-superuser`; runs in that tenant. */
  createSuperuser?(user: Superuser, tenant: T): unknown;
  readonly shell?: {
    /** What the shell knows by name besides `em`, `orm`, `tenancy`, `tenant` and the entities. */
    readonly context?: Readonly<Record<string, unknown>>;
  };
}

/** Who is to be made a superuser. */
export interface Superuser {
  readonly email: string;
  /** As it was typed: hash it. */
  readonly password: string;
}

/** What a script for `omnitenant run` exports as its default; it runs once in each tenant. */
export type TenantScript<T extends Tenant = Tenant> = (
  application: Pick<OmnitenantConfig<T>, 'tenancy' | 'orm'> & {
    readonly tenant: T;
    /** What stood after `--`. */
    readonly args: readonly string[];
  },
) => unknown;

type Defined<T extends Tenant> = OmnitenantConfig<T> | (() => OmnitenantConfig<T> | Promise<OmnitenantConfig<T>>);

/**
 * Types the default export of `omnitenant.config.ts`; a function is called, and awaited, for each command.
 * @example
 * export default defineConfig({ tenancy, orm });
 */
export function defineConfig<T extends Tenant>(config: Defined<T>): Defined<T> {
  return config;
}
