import { type EntityMetadata, type FilterQuery, LockMode } from '@mikro-orm/core';
import { TenancyError, type Tenant } from '@omnitenant/core';
import { type Auditing, isTenantId, type TenantStore, unknownTenant } from '@omnitenant/core/extend';
import type { TenantEntityManager } from '../entities/entity-manager.ts';
import type { OrmPlacement } from '../placement/placement.ts';
import { checkReference, type Reference } from '../vault/reference.ts';
import type { Vault } from '../vault/vault.ts';
import { moveLedger } from './move-ledger.ts';
import { type RotateOptions, type Rotation, rotate } from './rotate-credentials.ts';
import { recordChanges } from './tenant-changes.ts';
import type { TenantEntity } from './tenant-entity.ts';

/** The credentials of tenants on their own servers. */
export interface Credentials {
  /**
   * Seals the URL of a server, `postgresql://user:password@host/database`, for a tenant's `placement.url`. What is stored is sealed
   * anew for that tenant: in another tenant's record it is of no use.
   *
   * @throws CONFIG_INVALID without a key, TENANT_INVALID where it is no such URL.
   */
  seal(url: string): Promise<string>;
  /**
   * Replaces a tenant's credentials, sealed or `env:NAME`, for example after a change of password. Its database does not move.
   *
   * @throws TENANT_UNKNOWN, TENANT_INVALID
   */
  replace(tenant: string, url: string): Promise<void>;
  /** Reseals, with the first key, all credentials that are sealed with another. A failure is reported, and does not stop the rotation. */
  rotate(options?: RotateOptions): Promise<Rotation>;
  /**
   * Makes a login of PostgreSQL for a tool such as psql, which reads and writes the rows of one tenant and nothing else. Call `end` when the
   * tool has ended. Its password is accepted for five minutes.
   *
   * @throws TENANT_UNKNOWN; CONFIG_INVALID for tenants that share tables, and where the application's login may not create roles.
   */
  lend(tenant: string, options?: LendOptions): Promise<LentLogin>;
}

/** Privileges of a temporary login. */
export interface LendOptions {
  /** Whether it may only read. Default: false. */
  readonly readOnly?: boolean | undefined;
}

/** A login for one tenant. */
export interface LentLogin extends AsyncDisposable {
  /** The variables by which libpq, and so psql and pg_dump, connect with it. They hold its password. */
  readonly env: Readonly<Record<string, string>>;
  /** Ends its sessions and drops it. */
  end(): Promise<void>;
}

/** The parts of an orm's credentials. */
export interface CredentialsOptions {
  readonly vault: Vault;
  readonly store: TenantStore;
  readonly fork: () => TenantEntityManager;
  /** Resolves when central has the tables that are the orm's own. */
  readonly ready: () => Promise<unknown>;
  readonly tenant: EntityMetadata<TenantEntity>;
  readonly lend: (tenant: Tenant, options: LendOptions) => Promise<LentLogin>;
  /** Records who changes credentials, and who is lent a login. */
  readonly auditing: Auditing;
}

export function createCredentials(options: CredentialsOptions): Credentials {
  const { vault, store, fork, ready, tenant: meta, lend, auditing } = options;
  const moves = moveLedger({ fork, ready, tenant: meta });

  /** Stores another reference if the tenant has one (equal to `from`, where given), and returns whether it had. */
  const write = async (id: string, to: Reference, from?: Reference): Promise<boolean> => {
    await ready();
    return fork().transactional(async (em) => {
      const where = { id } as FilterQuery<TenantEntity>;
      const entity = await em.findOne(meta.class, where, {
        lockMode: LockMode.PESSIMISTIC_WRITE,
        disableIdentityMap: false,
      });
      const { url } = (entity?.placement ?? {}) as Partial<OrmPlacement>;
      if (!entity || url === undefined || (from !== undefined && url !== from)) return false;
      entity.placement = { ...entity.placement, url: to };
      await em.flush();
      await recordChanges(em, [{ kind: 'changed', tenant: id }]);
      return true;
    });
  };

  async function replace(id: string, url: string): Promise<void> {
    checkReference(id, { url });
    if (await write(id, await vault.bind(id, url))) return;
    throw (await store.find(id))
      ? new TenancyError('TENANT_INVALID', `Tenant "${id}" is not on its own server, so it has no credentials.`, {
          tenant: id,
        })
      : unknownTenant(id);
  }

  return {
    seal: (url) => vault.seal(url),
    async replace(id, url) {
      if (!isTenantId(id)) throw unknownTenant(id);
      return auditing({ verb: 'replace-credentials', tenant: id }, () => replace(id, url));
    },
    rotate: (wish) =>
      auditing({ verb: 'rotate-credentials', after: rotatedBy }, () => rotate({ vault, store, write, moves }, wish)),
    async lend(id, wish = {}) {
      const tenant = await store.find(id);
      if (tenant === undefined) throw unknownTenant(id);
      const { readOnly = false } = wish;
      return auditing({ verb: 'lend-login', tenant: id, before: () => ({ readOnly }) }, () => lend(tenant, wish));
    },
  };
}

/** What an audit says of a rotation. */
function rotatedBy(rotation: Rotation | undefined): unknown {
  return rotation && { ...rotation, failed: rotation.failed.map(({ tenant, error: { code } }) => ({ tenant, code })) };
}
