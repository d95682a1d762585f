import { setTimeout } from 'node:timers/promises';
import type { Tenant } from '@omnitenant/core';
import type { StoredTenant } from '../central/stored-tenant.ts';
import type { Fleet, FleetOptions, FleetReport } from './fleet-options.ts';
import { FleetRun } from './fleet-run.ts';
import type { LedgerFilter } from './ledger.ts';
import type { Operation } from './operation.ts';
import { type Stage, stagesOf } from './rollout.ts';
import { settleAll } from './settle-all.ts';
import { versionOf } from './version.ts';

/** A fleet, and what is called before a run touches its first tenant. */
interface BegunFleet extends Fleet {
  readonly begin: () => Promise<void>;
}

/**
 * Performs an operation in every tenant, all servers side by side. A tenant that fails is reported and stops no other. The
 * next run continues where this one ended. Memory does not grow with the number of tenants.
 */
export async function migrateFleet(
  fleet: BegunFleet,
  operation: Operation,
  { tenants, skip, ...options }: FleetOptions,
): Promise<FleetReport> {
  // What other resources lack, central does not know.
  const visitsAll = fleet.tenancies.some(({ hasOthers }) => hasOthers);
  const selection: LedgerFilter = { tenants, skip, except: visitsAll ? undefined : versionOf(operation.target) };
  const stages = await stagesOf(fleet.ledger, selection, options);
  const run = new FleetRun(fleet, operation, selection, options);
  fleet.running.add(run);
  try {
    for (const [n, stage] of stages.entries()) {
      const started = run.started;
      await migrateStage(fleet, run, selection, stage);
      if (run.isStopped()) break;
      const isLast = n === stages.length - 1;
      if (stage.pauseMs > 0 && !isLast && run.started > started) await pause(stage.pauseMs, options.signal);
    }
  } finally {
    fleet.running.delete(run);
    await run.end();
  }
  return run.report();
}

async function migrateStage(fleet: BegunFleet, run: FleetRun, selection: LedgerFilter, stage: Stage): Promise<void> {
  const named = [...fleet.servers];
  run.begin(stage);
  // Last come dedicated servers, and servers that this process's configuration does not name: those tenants fail.
  const streams = [...named.map((server) => ({ server })), { otherThan: named }].map((on) =>
    only(fleet.ledger.tenants({ ...selection, ...on }), stage.includes, fleet.begin),
  );
  try {
    await settleAll(streams.map((stream) => run.drain(stream, stage.concurrency)));
  } finally {
    await Promise.all(streams.map((stream) => stream.return(undefined)));
  }
}

async function* only(
  tenants: AsyncIterable<StoredTenant>,
  includes: (tenant: Tenant) => boolean,
  begin: () => Promise<void>,
) {
  for await (const stored of tenants) {
    if (!includes(stored.tenant)) continue;
    await begin();
    yield stored;
  }
}

/** The run ends itself when its signal is aborted. */
async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await setTimeout(ms, undefined, { signal }).catch(() => {});
}
