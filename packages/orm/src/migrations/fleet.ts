import type { StoredTenant } from '../central/stored-tenant.ts';
import type { Fleet, FleetOptions, FleetReport } from './fleet-options.ts';
import { FleetRun } from './fleet-run.ts';
import type { LedgerFilter } from './ledger.ts';
import type { Operation } from './operation.ts';
import { settleAll } from './settle-all.ts';
import { versionOf } from './version.ts';

/**
 * Performs an operation in every tenant, all servers side by side. A tenant that fails is reported and stops no other. The
 * next run continues where this one ended. Memory does not grow with the number of tenants.
 */
export async function migrateFleet(
  fleet: Fleet,
  operation: Operation,
  { tenants, concurrency = 4, canary = 0, ...options }: FleetOptions,
): Promise<FleetReport> {
  const named = [...fleet.servers];
  const selection: LedgerFilter = { tenants, except: versionOf(operation.target) };
  const run = new FleetRun(fleet, operation, selection, options);
  // Last come dedicated servers, and servers that this process's configuration does not name: those tenants fail.
  const streams = [...named.map((server) => ({ server })), { otherThan: named }].map((on) =>
    fleet.ledger.tenants({ ...selection, ...on })[Symbol.asyncIterator](),
  );
  try {
    if (canary > 0) await migrateCanaries(run, streams, canary, concurrency);
    await settleAll(streams.map((stream) => run.drain(stream, concurrency)));
  } finally {
    await run.end();
    await Promise.all(streams.map((stream) => stream.return?.()));
  }
  return run.report();
}

async function migrateCanaries(
  run: FleetRun,
  streams: readonly AsyncIterator<StoredTenant>[],
  canary: number,
  concurrency: number,
): Promise<void> {
  for (const stream of streams) {
    const left = canary - run.started;
    if (left > 0) await run.drain(stream, concurrency, left);
  }
  run.stopAfterCanaries();
}
