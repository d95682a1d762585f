import type { Tenant } from '../models/tenant.ts';
import type { ResourceVerbs } from '../resource.ts';
import type { OnError, SignalSender } from '../signals/signals.ts';
import type { TenantStore } from '../stores/store.ts';
import type { UsageOptions } from './usage-options.ts';

/** What the usage of a tenancy's tenants is made of. */
export interface UsageParts<T extends Tenant> {
  readonly store: TenantStore<T>;
  /** Absent where nothing is counted. */
  readonly options: UsageOptions<T> | undefined;
  readonly find: (id: string) => T | undefined | Promise<T | undefined>;
  readonly signals: SignalSender<T>;
  readonly resources: readonly ResourceVerbs[];
  readonly onError: OnError;
}
