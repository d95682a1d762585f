import { isTenancyError, TenancyError } from '@omnitenant/core';
import type { StoredTenant } from '../central/stored-tenant.ts';
import { sharesTables } from '../placement/placement.ts';
import type { Ledger, LedgerFilter } from './ledger.ts';
import type { Migrated, MigratePlace } from './migrate-tenant.ts';
import type { MigrationSet } from './migration-set.ts';
import type { Operation } from './operation.ts';
import { versionOf } from './version.ts';
import { recorder } from './version-batch.ts';

/** How a fleet of tenants is gone through. */
export interface FleetOptions {
  /** Ids; `*` stands for any characters. Default: every tenant whose storage is whole. */
  readonly tenants?: readonly string[];
  /** The last migration that is wanted. Default: the last one of the code. */
  readonly to?: string;
  /** How many tenants of one server are migrated at a time. Default: 4. */
  readonly concurrency?: number;
  /** How many tenants go first, alone: where one of them fails, the others are left as they are. Default: 0. */
  readonly canary?: number;
  /** Begins no more tenants once more than so many have failed. Default: goes through all of them. */
  readonly maxFailures?: number;
  /** Begins no more tenants once aborted, and finishes those that are under way. */
  readonly signal?: AbortSignal;
  /** Is told of each tenant as it is done. */
  readonly onProgress?: (progress: FleetProgress) => void;
}

/** One tenant that is done, among the others. */
export interface FleetProgress {
  readonly tenant: string;
  /** The migrations that were run there. */
  readonly migrations: readonly string[];
  readonly error?: TenancyError;
  readonly milliseconds: number;
  /** How many tenants there are to go through, how many of them are done, and how many of those have failed. */
  readonly total: number;
  readonly done: number;
  readonly failed: number;
}

/** How it went. */
export interface FleetReport {
  /** Tenants in which something was done. */
  readonly migrated: number;
  /** Tenants in which there was nothing to do. */
  readonly upToDate: number;
  readonly failed: readonly { readonly tenant: string; readonly error: TenancyError }[];
  /** Tenants that were not begun. */
  readonly remaining: number;
  /** Why it ended before all were gone through. */
  readonly stopped?: 'signal' | 'canary' | 'failures';
}

/** What a fleet is gone through with. */
export interface Fleet {
  readonly ledger: Ledger;
  /** Those of the configuration. */
  readonly servers: Iterable<string>;
  readonly set: MigrationSet;
  readonly migratePlace: MigratePlace;
}

/**
 * Does an operation in every tenant, those of each server side by side. A tenant that fails is reported and stops nobody
 * else; what is done is kept, so that the next run goes on where this one ended. Memory does not grow with the tenants.
 */
export async function migrateFleet(
  { ledger, servers, set, migratePlace }: Fleet,
  operation: Operation,
  { tenants, concurrency = 4, canary = 0, maxFailures = Number.POSITIVE_INFINITY, signal, onProgress }: FleetOptions,
): Promise<FleetReport> {
  const except = versionOf(operation.target);
  const selection: LedgerFilter = { ...(tenants && { tenants }), except };
  const named = [...servers];
  const report = { migrated: 0, upToDate: 0, failed: [] as { tenant: string; error: TenancyError }[] };
  const record = recorder(ledger);
  // The tenants of one schema of rows are migrated once, for all of them.
  const shared = new Map<string, Promise<Migrated>>();
  let begun = 0;
  let total: number | undefined;
  let stopped: FleetReport['stopped'];

  function mayGoOn(): boolean {
    if (signal?.aborted) stopped ??= 'signal';
    else if (report.failed.length > maxFailures) stopped ??= 'failures';
    return stopped === undefined;
  }

  function migrate({ tenant, version }: StoredTenant): Promise<Migrated> {
    const known = version === undefined ? undefined : set.appliedAt(version);
    if (!sharesTables(tenant)) return migratePlace(tenant, operation, known);
    const key = JSON.stringify(tenant.placement);
    const migrated = shared.get(key) ?? migratePlace(tenant, operation, known);
    shared.set(key, migrated);
    return migrated;
  }

  /** One that was removed meanwhile has nothing left to be done. */
  const isGone = async (id: string): Promise<boolean> => (await ledger.count({ tenants: [id] })) === 0;

  async function go(placed: StoredTenant): Promise<void> {
    const { id } = placed.tenant;
    const began = performance.now();
    let migrated: Migrated | undefined;
    let error: TenancyError | undefined;
    try {
      migrated = await migrate(placed);
    } catch (thrown) {
      if (!(await isGone(id))) error = asTenancyError(thrown, id);
    }
    if (migrated) await record.add(id, versionOf(migrated.applied));
    const migrations = migrated?.steps.map(({ name }) => name) ?? [];
    if (error) report.failed.push({ tenant: id, error });
    else report[migrations.length > 0 ? 'migrated' : 'upToDate'] += 1;
    const failed = report.failed.length;
    const done = report.migrated + report.upToDate + failed;
    onProgress?.({
      tenant: id,
      migrations,
      ...(error && { error }),
      milliseconds: performance.now() - began,
      total: total ?? done,
      done,
      failed,
    });
  }

  /** Goes through a stream with so many workers; they share it, so that no more is read than is worked on. */
  async function goThrough(stream: AsyncIterator<StoredTenant>, most: number): Promise<void> {
    let left = most;
    let reading: Promise<unknown> = Promise.resolve();
    function next(): Promise<StoredTenant | undefined> {
      const read = reading.then(async () => {
        if (left === 0 || !mayGoOn()) return undefined;
        const { done, value } = await stream.next();
        if (done) return undefined;
        left -= 1;
        begun += 1;
        total ??= await ledger.count(selection);
        return value;
      });
      reading = read.catch(() => {});
      return read;
    }
    async function work(): Promise<void> {
      for (let placed = await next(); placed; placed = await next()) await go(placed);
    }
    await all(Array.from({ length: concurrency }, work));
  }

  // The last are those on servers of their own, and those on one that is not in this process's configuration, which fail.
  const streams = [...named.map((server) => ({ server })), { otherThan: named }].map((on) =>
    ledger.tenants({ ...selection, ...on })[Symbol.asyncIterator](),
  );
  try {
    let left = canary;
    for (const stream of streams) {
      const before = begun;
      if (left > 0) await goThrough(stream, left);
      left -= begun - before;
    }
    if (canary > 0 && report.failed.length > 0) stopped ??= 'canary';
    await all(streams.map((stream) => goThrough(stream, Number.POSITIVE_INFINITY)));
  } finally {
    await record.end();
    await Promise.all(streams.map((stream) => stream.return?.()));
  }
  return { ...report, remaining: Math.max(0, (total ?? 0) - begun), ...(stopped && { stopped }) };
}

/** Resolves, or rejects, when all of it is over, so that nothing goes on after the end. */
async function all(work: readonly Promise<void>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(work)) if (outcome.status === 'rejected') throw outcome.reason;
}

function asTenancyError(thrown: unknown, tenant: string): TenancyError {
  return isTenancyError(thrown)
    ? thrown
    : new TenancyError('MIGRATE_FAILED', `The tenant '${tenant}' could not be migrated: ${String(thrown)}`, {
        tenant,
        cause: thrown,
      });
}
