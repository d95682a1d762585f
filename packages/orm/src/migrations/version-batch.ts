import type { Incarnation, Ledger } from './ledger.ts';

/** Records the versions of many tenants with few statements. */
export interface VersionBatch {
  /** Queues a tenant's version; it is written with others' in a moment. */
  add(tenant: Incarnation, version: string): Promise<void>;
  /** Writes what is queued. */
  flush(): Promise<void>;
}

/** How many tenants are written at a time. If the process is killed before, the next run reads their logs instead. */
const batchSize = 100;

/** How long a version waits for others. Until it is written, a tenant may be refused for pending migrations. */
const flushAfterMs = 200;

export function createVersionBatch(ledger: Pick<Ledger, 'record'>): VersionBatch {
  let byVersion = new Map<string, Incarnation[]>();
  let count = 0;
  let timer: NodeJS.Timeout | undefined;
  let written: Promise<void> = Promise.resolve();

  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const batch = byVersion;
    byVersion = new Map();
    count = 0;
    written = written.then(async () => {
      for (const [version, tenants] of batch) await ledger.record(tenants, version);
    });
    // The error reaches the caller of `add` that fills the batch, or of `flush`.
    written.catch(() => {});
    return written;
  }

  return {
    async add({ id, createdAt }, version) {
      const tenants = byVersion.get(version) ?? [];
      byVersion.set(version, tenants);
      tenants.push({ id, createdAt });
      count += 1;
      if (count >= batchSize) await flush();
      else timer ??= setTimeout(() => void flush(), flushAfterMs);
    },
    flush,
  };
}
