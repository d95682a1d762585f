import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { trace } from '../diagnostics/tenancy-diagnostics.ts';
import { leaseLost, TenancyError } from '../errors/errors.ts';
import { type VerbOptions, verbDefaults } from '../models/verb-options.ts';
import type { TenantLease, TenantLeases } from '../stores/leases.ts';
import { keyedMutex } from './keyed-mutex.ts';
import { renewing } from './renewing.ts';

/** A verb that needs the tenant to itself. */
type ExclusiveVerb = 'create' | 'migrate' | 'export' | 'repair' | 'reset' | 'restore' | 'remove' | 'move';

/** The right to change one tenant, for the time of one verb. */
export interface HeldLease {
  /** Whom conditional writes name; `undefined` where the store has no leases. */
  readonly holder: string | undefined;
  /** Whether another verb was under way before. What was read earlier may be outdated. */
  readonly waited: boolean;
  /** Call it before each step. Rejects with TENANT_BUSY once another process has taken over. */
  confirm(): Promise<void>;
}

/** Runs one verb of a tenant at a time, in all processes whose store has leases. */
export type Exclusively = <R>(id: string, verb: ExclusiveVerb, act: (lease: HeldLease) => Promise<R>) => Promise<R>;

const firstPauseMs = 50;
const longestPauseMs = 500;

/** Without leases, verbs exclude each other in this process only. */
export function createExclusively(
  leases: TenantLeases | undefined,
  { leaseMs = verbDefaults.leaseMs, waitMs = verbDefaults.waitMs }: VerbOptions = {},
): Exclusively {
  const inThisProcess = keyedMutex();

  /** Takes the lease, and returns whether it had to wait. */
  async function take(from: TenantLeases, id: string, own: TenantLease): Promise<boolean> {
    const until = performance.now() + waitMs;
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      const { holder, verb } = await from.take(id, own, leaseMs);
      if (holder === own.holder) return pauseMs > firstPauseMs;
      const left = until - performance.now();
      if (left <= 0) throw busy(id, verb);
      await pause(Math.min(pauseMs, left));
    }
  }

  async function underLease<R>(
    from: TenantLeases,
    { id, verb, waited }: { id: string; verb: ExclusiveVerb; waited: boolean },
    act: (lease: HeldLease) => Promise<R>,
  ): Promise<R> {
    const holder = randomUUID();
    const hadToWait = (await take(from, id, { holder, verb })) || waited;
    const renewed = keptRenewed(from, id, holder, leaseMs);
    try {
      return await act({ holder, waited: hadToWait, confirm: () => renewed.confirm() });
    } finally {
      renewed.stop();
      // A lease that cannot be given back ends by itself.
      await from.release(id, holder).catch(() => {});
    }
  }

  return (id, verb, act) =>
    trace(
      'omnitenant:verb',
      () => ({ tenant: id, verb }),
      () =>
        inThisProcess(id, (waited) =>
          leases === undefined
            ? act({ holder: undefined, waited, confirm: async () => {} })
            : underLease(leases, { id, verb, waited }, act),
        ),
    );
}

/** Renews a lease until it is stopped. Only an answer says that it is lost. */
function keptRenewed(from: TenantLeases, id: string, holder: string, leaseMs: number) {
  let renewedAt = performance.now();
  let isLost = false;

  async function renew(): Promise<void> {
    const askedAt = performance.now();
    if (await from.renew(id, holder, leaseMs)) renewedAt = askedAt;
    else isLost = true;
  }

  return {
    stop: renewing(leaseMs / 3, renew),
    async confirm(): Promise<void> {
      // After a pause of the whole process, the timer has not run yet.
      if (!isLost && performance.now() - renewedAt > leaseMs / 2) await renew();
      if (isLost) throw leaseLost(id);
    },
  };
}

function busy(id: string, verb: string): TenancyError {
  const message = `Tenant "${id}" is being changed by another process ("${verb}"); try again when that is done.`;
  return new TenancyError('TENANT_BUSY', message, { tenant: id });
}
