import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { outside, TenancyError } from '@omnitenant/core';
import { type FleetMigration, leaseLost } from '@omnitenant/core/extend';
import type { RunLeases } from '../central/run-leases.ts';
import type { Incarnation, Ledger } from './ledger.ts';

/** The leases of the tenants that a run is working on, which keep it and the verbs of one tenant apart. */
export interface FleetLeases {
  /**
   * Takes a tenant's lease, and waits while another process changes the tenant. Returns `false` without one if the tenant is not there
   * any more, with complete storage.
   *
   * @throws TENANT_BUSY
   */
  take(tenant: Incarnation): Promise<boolean>;
  /** Rejects with TENANT_BUSY once another process has taken over. */
  confirm(id: string): Promise<void>;
  /** Gives a lease back; nobody waits for that. */
  release(id: string): void;
  /** Resolves when all are given back. */
  end(): Promise<void>;
}

type Found = 'held' | 'busy' | 'gone' | 'locked';

interface Asked {
  readonly tenant: Incarnation;
  readonly resolve: (found: Found) => void;
  readonly reject: (error: unknown) => void;
}

const longestPauseMs = 500;

/**
 * A run has one holder for all of its tenants. What its workers ask for at the same time is one statement, and one keeps all leases; a
 * run without pending migrations asks for none.
 */
export function createFleetLeases(
  leases: RunLeases,
  ledger: Pick<Ledger, 'has'>,
  { leaseMs, waitMs }: FleetMigration['verbs'],
): FleetLeases {
  const holder = randomUUID();
  const held = new Set<string>();
  let renewedAt = performance.now();
  let waiting: Asked[] = [];
  let freed: string[] = [];
  let isAsking = false;
  let freeing: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;

  async function askAll(): Promise<void> {
    isAsking = true;
    while (waiting.length > 0) {
      const asked = waiting;
      waiting = [];
      const tenants = asked.map(({ tenant }) => tenant);
      await leases.take(holder, tenants, leaseMs).then(
        (found) => {
          for (const id of found.keys()) held.add(id);
          for (const { tenant, resolve } of asked) resolve(found.get(tenant.id) ?? 'busy');
        },
        (error) => {
          for (const { reject } of asked) reject(error);
        },
      );
    }
    isAsking = false;
  }

  function ask(tenant: Incarnation): Promise<Found> {
    const { promise, resolve, reject } = Promise.withResolvers<Found>();
    waiting.push({ tenant, resolve, reject });
    if (!isAsking) void askAll();
    timer ??= outside(() => setInterval(() => void renew().catch(() => {}), leaseMs / 3).unref());
    return promise;
  }

  /** A renewal that fails is tried again; only an answer says that a lease is lost. */
  async function renew(): Promise<void> {
    if (held.size === 0) return;
    const askedAt = performance.now();
    const asked = [...held];
    const kept = new Set(await leases.renew(holder, leaseMs));
    for (const id of asked) if (!kept.has(id)) held.delete(id);
    renewedAt = askedAt;
  }

  /** A lease that cannot be given back ends by itself. */
  async function free(): Promise<void> {
    while (freed.length > 0) {
      const ids = freed;
      freed = [];
      await leases.release(holder, ids).catch(() => {});
    }
    freeing = undefined;
  }

  function release(id: string): void {
    if (!held.delete(id)) return;
    freed.push(id);
    freeing ??= free();
  }

  return {
    async take(tenant) {
      const until = performance.now() + waitMs;
      for (let pauseMs = 50; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
        const found = await ask(tenant);
        if (found === 'held') return true;
        if (found !== 'busy') release(tenant.id);
        if (found === 'gone' || !(await ledger.has(tenant))) return false;
        if (performance.now() >= until) throw busy(tenant.id);
        await pause(pauseMs);
      }
    },

    async confirm(id) {
      // After a pause of the whole process, the timer has not run yet.
      if (performance.now() - renewedAt > leaseMs / 2) await renew();
      if (!held.has(id)) throw leaseLost(id);
    },

    release,

    async end() {
      clearInterval(timer);
      for (const id of held) release(id);
      await freeing;
    },
  };
}

function busy(id: string): TenancyError {
  const message = `Tenant "${id}" is being changed by another process; migrate it when that is done.`;
  return new TenancyError('TENANT_BUSY', message, { tenant: id });
}
