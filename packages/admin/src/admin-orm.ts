import type { TenantStore } from '@omnitenant/core/extend';
import type { Migrations } from '@omnitenant/orm';

/** The members of the orm that the control plane uses. */
export interface AdminOrm {
  readonly store: Pick<TenantStore, 'search' | 'operations' | 'audit' | 'usage' | 'domains' | 'hiddenColumns'>;
  readonly migrations: Pick<Migrations, 'names' | 'status' | 'plan' | 'up' | 'down' | 'verify' | 'central'>;
  /** Those of `createOrm` have `servers`, whose connections are shown. */
  stats(): object;
}
