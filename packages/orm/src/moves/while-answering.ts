import { setTimeout as pause } from 'node:timers/promises';
import { isTenancyError, type Tenant } from '@omnitenant/core';
import type { Move } from '../central/move-ledger.ts';
import type { ConnectionTarget } from '../connections/database-pool.ts';
import type { Pools } from '../connections/pools.ts';
import { defaultServer, placementOf } from '../placement/placement.ts';
import { at } from './end-move.ts';
import { hasAnswered } from './reason.ts';

/** How often a server is asked, and how long it has to answer, in milliseconds. */
const patienceMs = 10_000;
/** So many times in a row it must not answer before it counts as silent. */
const misses = 3;

/**
 * Works with the two places of a move, whose servers may fall silent: connections stay, and nothing is answered, which TCP notices late or never. Statements may take
 * hours, so each server is asked beside them. One that is silent has its connections cut, so that whatever waits for it fails. Central's server is
 * not watched: without it nobody does anything.
 */
export async function whileAnswering<R>(
  pools: Pools,
  tenant: Tenant,
  { origin, target }: Pick<Move, 'origin' | 'target'>,
  work: () => Promise<R>,
): Promise<R> {
  const over = new AbortController();
  const targets = [at(tenant, origin), at(tenant, target)]
    .map(placementOf)
    .filter(({ server }) => server !== defaultServer);
  const watching = targets.map((target) => watch(pools, target, over.signal));
  try {
    return await work();
  } finally {
    over.abort();
    await Promise.all(watching);
  }
}

async function watch(pools: Pools, target: ConnectionTarget, signal: AbortSignal): Promise<void> {
  for (let missed = 0; !signal.aborted; ) {
    await pause(patienceMs, undefined, { signal }).catch(() => {});
    if (signal.aborted) return;
    missed = (await isAnswered(pools, target, signal)) ? 0 : missed + 1;
    if (missed >= misses) pools.cut(target);
  }
}

/** Whether a server answers, be it by an error, or the work is over first. */
async function isAnswered(pools: Pools, target: ConnectionTarget, signal: AbortSignal): Promise<boolean> {
  const answered = new AbortController();
  const answer = pools.query(target, 'select 1').then(
    () => true,
    (error: unknown) => !isTenancyError(error, 'SERVER_UNAVAILABLE') || hasAnswered(error),
  );
  const none = pause(patienceMs, false, { signal: AbortSignal.any([signal, answered.signal]) }).catch(() => true);
  return Promise.race([answer, none]).finally(() => answered.abort());
}
