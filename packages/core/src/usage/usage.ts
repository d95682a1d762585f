import { TenancyError } from '../errors/errors.ts';
import type { Tenant } from '../models/tenant.ts';
import { dayOf, type UsageCounts } from '../models/usage.ts';
import { createFlush } from './flush.ts';
import { storedBytes, type TenantUsage, withStorage } from './stored-bytes.ts';
import { createUsageMeter } from './usage-meter.ts';
import type { UsageParts } from './usage-parts.ts';

/** Which usage is read. */
export interface UsageQuery {
  /** From this UTC day on. Default: all days that are kept. */
  readonly since?: Date | undefined;
  /** Before this UTC day. Default: up to now. */
  readonly until?: Date | undefined;
  /** Of the tenant with this id, and of former tenants that had it. Default: of all. */
  readonly tenant?: string | undefined;
  /** Whether to measure what each tenant stores now, with one query for each server and shared database. Default: false. */
  readonly storage?: boolean | undefined;
}

/** The usage of one tenancy's tenants. */
export interface Usage {
  /** The counts of a tenant in this process; `undefined` where nothing is counted. */
  readonly of: ((tenant: Tenant) => UsageCounts) | undefined;
  read(query?: UsageQuery): Promise<TenantUsage[]>;
  /** Writes what is left to central. Never rejects. */
  end(): Promise<void>;
}

/** Counts where there are options, and reads what all processes have counted. */
export function createUsage<T extends Tenant>(parts: UsageParts<T>): Usage {
  const { store, options } = parts;
  const kept = store.usage;
  if (options !== undefined && kept === undefined) {
    throw new TenancyError(
      'CONFIG_INVALID',
      'createTenancy({ usage }) requires a store that keeps usage, such as the orm’s.',
    );
  }
  const meter = options && createUsageMeter(() => new Date());
  const flush = meter && kept && createFlush({ ...parts, meter, kept });

  return {
    of: meter?.of,

    async read({ since, until, tenant, storage = false } = {}) {
      if (kept === undefined) throw new TenancyError('CONFIG_INVALID', 'The store of this tenancy keeps no usage.');
      await flush?.now();
      const sums = await kept.read({ since: since && dayOf(since), until: until && dayOf(until), tenant });
      return storage ? withStorage(sums, await storedBytes(parts, tenant)) : [...sums];
    },

    end: async () => flush?.end(),
  };
}
