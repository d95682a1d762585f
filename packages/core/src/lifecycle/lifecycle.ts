import type { TenancyError } from '../errors.ts';
import type { Tenant } from '../models/tenant.ts';
import type { ResourceVerbs } from '../resource.ts';
import type { SignalSender } from '../signals.ts';
import type { TenantStore } from '../stores/store.ts';
import type { TenantRecords } from './records.ts';

/** What the lifecycle verbs of one tenancy share. */
export interface Lifecycle<T extends Tenant> {
  readonly store: TenantStore<T>;
  readonly records: TenantRecords<T>;
  readonly signals: SignalSender<T>;
  readonly resources: readonly ResourceVerbs[];
  readonly reservedIds: ReadonlySet<string>;
  readonly publicHosts: ReadonlySet<string>;
  /** Runs one verb of a tenant at a time. */
  exclusively<R>(id: string, act: () => Promise<R>): Promise<R>;
}

/** How a verb ended: with the tenant, and with an error if it failed. */
export interface Outcome<T extends Tenant> {
  readonly tenant: T;
  readonly error?: TenancyError | undefined;
}

/** Emits the signal of an outcome. Call it without the tenant's lock, so that a handler may use the registry. */
export async function conclude<T extends Tenant>(
  { signals }: Lifecycle<T>,
  { tenant, error }: Outcome<T>,
  done: 'created' | 'migrated' | 'removed',
): Promise<T> {
  if (error !== undefined) {
    await signals.emit('failed', { tenant, error });
    throw error;
  }
  await signals.emit(done, { tenant });
  return tenant;
}
