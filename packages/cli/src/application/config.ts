import type { Tenancy, Tenant } from '@omnitenant/core';
import type { Orm, RolloutGroup } from '@omnitenant/orm';

/** The configuration of the command `omnitenant`: the application's tenancy, and what the application adds to the commands. */
export interface OmnitenantConfig<T extends Tenant = Tenant> {
  /** Closed at the end of each command. */
  readonly tenancy: Tenancy<T>;
  readonly orm: Orm<T>;
  /** Creates an admin user, for `create-superuser`; runs in the tenant. */
  createSuperuser?(user: Superuser, tenant: T): unknown;
  /** The groups that `migrate --all` goes by, in their order. */
  readonly rollout?: readonly RolloutGroup<T>[];
  readonly shell?: {
    /** Names to add to the shell, besides `em`, `orm`, `tenancy`, `tenant` and the entities. */
    readonly context?: Readonly<Record<string, unknown>>;
  };
}

/** The admin user to create. */
export interface Superuser {
  readonly email: string;
  /** In plain text: hash it. */
  readonly password: string;
}

/** The default export of a script for `omnitenant run`; it runs once in each tenant. */
export type TenantScript<T extends Tenant = Tenant> = (
  application: Pick<OmnitenantConfig<T>, 'tenancy' | 'orm'> & {
    readonly tenant: T;
    /** The arguments after `--`. */
    readonly args: readonly string[];
  },
) => unknown;

type Defined<T extends Tenant> = OmnitenantConfig<T> | (() => OmnitenantConfig<T> | Promise<OmnitenantConfig<T>>);

/**
 * Types the default export of `omnitenant.config.ts`. A function is called and awaited for each command.
 * @example
 * export default defineConfig({ tenancy, orm });
 */
export function defineConfig<T extends Tenant>(config: Defined<T>): Defined<T> {
  return config;
}
