import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Anonymisation, Tenancy, Tenant } from '@omnitenant/core';
import type { Orm, RolloutGroup } from '@omnitenant/orm';
import type { BackupTarget } from './backup-target.ts';

/** The configuration of the command `omnitenant`: the application's tenancy, and its extensions of the commands. */
export interface OmnitenantConfig<T extends Tenant = Tenant> {
  /** Closed at the end of each command. */
  readonly tenancy: Tenancy<T>;
  readonly orm: TenantOrm<T>;
  /** Creates an admin user, for `create-superuser`; runs in the tenant. */
  createSuperuser?(user: Superuser, tenant: T): unknown;
  /** What `create-superuser` asks for besides the email address and the password, by their names. */
  readonly superuserFields?: Readonly<Record<string, SuperuserField>>;
  /** The groups that `migrate --all` goes by, in their order. */
  readonly rollout?: readonly RolloutGroup<T>[];
  /** What `export --anonymise` and `clone --anonymise` go by: `orm.anonymisation()` makes it. */
  readonly anonymisation?: Anonymisation<T>;
  /** Where `backup` writes to and `restore` reads from without a folder, such as a bucket. */
  readonly backups?: BackupTarget;
  readonly shell?: {
    /** Names to add to the shell, besides `em`, `orm`, `tenancy`, `tenant` and the entities. */
    readonly context?: Readonly<Record<string, unknown>>;
  };
}

/**
 * MikroORM for the application's tenants: of `createOrm`, `createSqlite` or another package. Commands about servers, credentials and shared
 * tables are PostgreSQL's alone.
 */
export interface TenantOrm<T extends Tenant = Tenant>
  extends Pick<Orm<T>, 'store' | 'migrations'>,
    Partial<Pick<Orm<T>, PostgreSqlPart>> {
  readonly em: SqlEntityManager;
}

/** What only an orm of PostgreSQL has. */
export type PostgreSqlPart = 'credentials' | 'sharedTables' | 'ready' | 'examineServers' | 'anonymisation';

/** The admin user to create. */
export interface Superuser {
  readonly email: string;
  /** In plain text: hash it. */
  readonly password: string;
  /** The answers to `superuserFields`, by their names. */
  readonly fields: Readonly<Record<string, string>>;
}

/** Something to ask for about an admin user. */
export interface SuperuserField {
  /** The question. Default: the field's name. */
  readonly message?: string;
  /** The answers to choose from. Default: any text. */
  readonly choices?: readonly string[];
  /** The answer if there is none. Without it, there has to be one. */
  readonly default?: string;
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
