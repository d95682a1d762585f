import { publish } from '../diagnostics/tenancy-diagnostics.ts';
import type { TenancyError } from '../errors/errors.ts';
import type { Tenant } from '../models/tenant.ts';
import type { VerbOptions } from '../models/verb-options.ts';
import type { ResourceVerbs } from '../resource.ts';
import type { SignalSender } from '../signals/signals.ts';
import type { TenantStore } from '../stores/store.ts';
import type { DomainRules } from './domain-rules.ts';
import type { Exclusively } from './exclusive.ts';
import type { TenantRecords } from './records.ts';

/** What the lifecycle verbs of one tenancy share. */
export interface Lifecycle<T extends Tenant> extends DomainRules {
  readonly store: TenantStore<T>;
  readonly records: TenantRecords<T>;
  readonly signals: SignalSender<T>;
  readonly resources: readonly ResourceVerbs[];
  readonly reservedIds: ReadonlySet<string>;
  readonly exclusively: Exclusively;
  readonly verbs: Required<VerbOptions>;
}

/** How a verb ended: with the tenant, and with an error if it failed. */
export interface Outcome<T extends Tenant> {
  readonly tenant: T;
  readonly error?: TenancyError | undefined;
  /** Whether another process did the verb, and has sent its signal. */
  readonly byOther?: boolean | undefined;
}

/** Emits the signal of an outcome. Call it without the tenant's lock, so that a handler may use the registry. */
export async function conclude<T extends Tenant>(
  { signals }: Lifecycle<T>,
  { tenant, error, byOther }: Outcome<T>,
  done: 'created' | 'migrated' | 'removed' | 'reset' | 'restored' | 'moved',
): Promise<T> {
  if (error !== undefined) {
    await emitFailed(signals, tenant, error);
    throw error;
  }
  if (!byOther) await signals.emit(done, { tenant });
  return tenant;
}

/** Tells that a verb has failed, to handlers and on the channel. */
export async function emitFailed<T extends Tenant>(
  signals: SignalSender<T>,
  tenant: T,
  error: TenancyError,
): Promise<void> {
  const { code, message } = error;
  publish('omnitenant:tenant-failed', () => ({ tenant: tenant.id, code, message }));
  await signals.emit('failed', { tenant, error });
}
