import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { outside, TenancyError } from '@omnitenant/core';
import { type FleetMigration, leaseLost, renewing } from '@omnitenant/core/extend';
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
  /** Says which tenants will be taken soon: their leases are taken along with that of the next one. They are given back if that does not come soon. */
  expect(tenants: readonly Incarnation[]): void;
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

/** How long leases to be given back are gathered, in milliseconds. Each statement costs as much as many leases in it. */
const gatheringMs = 20;

/**
 * A run has one holder for all of its tenants. What its workers ask for at the same time is one statement, and one keeps all leases; a
 * run without pending migrations asks for none.
 */
export function createFleetLeases(
  leases: RunLeases,
  ledger: Pick<Ledger, 'has'>,
  verbs: FleetMigration['verbs'],
): FleetLeases {
  return new LeasesOfRun(leases, ledger, verbs);
}

class LeasesOfRun implements FleetLeases {
  readonly #leases: RunLeases;
  readonly #ledger: Pick<Ledger, 'has'>;
  readonly #verbs: FleetMigration['verbs'];
  readonly #holder = randomUUID();
  readonly #held = new Set<string>();
  /** Those that are held and that nobody has taken yet. */
  readonly #ahead = new Set<string>();
  #renewedAt = performance.now();
  #waiting: Asked[] = [];
  #expected: readonly Incarnation[] = [];
  #isAsking = false;
  /** Those that are given back with the next statement; and with those, what is under way. */
  #freed: string[] = [];
  readonly #returning = new Set<string>();
  #freeing: Promise<void> = Promise.resolve();
  #gathering: NodeJS.Timeout | undefined;
  #stopRenewing: (() => void) | undefined;

  constructor(leases: RunLeases, ledger: Pick<Ledger, 'has'>, verbs: FleetMigration['verbs']) {
    this.#leases = leases;
    this.#ledger = ledger;
    this.#verbs = verbs;
  }

  expect(tenants: readonly Incarnation[]): void {
    this.#expected = [...this.#expected, ...tenants];
  }

  async take(tenant: Incarnation): Promise<boolean> {
    if (this.#ahead.delete(tenant.id)) return true;
    const until = performance.now() + this.#verbs.waitMs;
    for (let pauseMs = 50; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      const found = await this.#find(tenant);
      if (found === 'held') return true;
      if (found !== 'busy') this.release(tenant.id);
      if (found === 'gone' || !(await this.#ledger.has(tenant))) return false;
      if (performance.now() >= until) throw busy(tenant.id);
      await pause(pauseMs);
    }
  }

  async confirm(id: string): Promise<void> {
    // After a pause of the whole process, the timer has not run yet.
    if (performance.now() - this.#renewedAt > this.#verbs.leaseMs / 2) await this.#renew();
    if (!this.#held.has(id)) throw leaseLost(id);
  }

  release(id: string): void {
    this.#ahead.delete(id);
    if (this.#held.delete(id)) this.#giveBack(id);
  }

  async end(): Promise<void> {
    this.#stopRenewing?.();
    for (const id of this.#held) this.release(id);
    await this.#free();
  }

  /** What is asked for must not be given back after it. */
  async #find(tenant: Incarnation): Promise<Found> {
    if (this.#returning.has(tenant.id)) await this.#free();
    return this.#returning.has(tenant.id) ? 'busy' : this.#ask(tenant);
  }

  #ask(tenant: Incarnation): Promise<Found> {
    const { promise, resolve, reject } = Promise.withResolvers<Found>();
    this.#waiting.push({ tenant, resolve, reject });
    if (!this.#isAsking) void this.#askAll();
    this.#stopRenewing ??= renewing(this.#verbs.leaseMs / 3, () => this.#keep());
    return promise;
  }

  async #askAll(): Promise<void> {
    this.#isAsking = true;
    while (this.#waiting.length > 0) {
      const asked = this.#waiting.filter((one) => !this.#wasTakenAlong(one));
      this.#waiting = [];
      if (asked.length > 0) await this.#askFor(asked);
    }
    this.#isAsking = false;
  }

  /** Whoever asked for it while the statement before was under way has it already. */
  #wasTakenAlong({ tenant, resolve }: Asked): boolean {
    const found: Found = this.#ahead.delete(tenant.id) ? 'held' : 'busy';
    if (found === 'held') resolve(found);
    return found === 'held';
  }

  async #askFor(asked: readonly Asked[]): Promise<void> {
    const ids = new Set(asked.map(({ tenant }) => tenant.id));
    const along = this.#expected.filter(({ id }) => !ids.has(id) && !this.#held.has(id) && !this.#returning.has(id));
    this.#expected = [];
    const tenants = [...asked.map(({ tenant }) => tenant), ...along];
    try {
      const found = await this.#takeAll(tenants);
      for (const { id } of along) this.#keepAhead(id, found.get(id));
      for (const { tenant, resolve } of asked) resolve(found.get(tenant.id) ?? 'busy');
    } catch (error) {
      // They may have been taken although the answer was lost.
      for (const { id } of tenants) this.#giveBack(id);
      for (const { reject } of asked) reject(error);
    }
  }

  async #takeAll(tenants: readonly Incarnation[]): Promise<ReadonlyMap<string, Found>> {
    const found = await this.#leases.take(this.#holder, tenants, this.#verbs.leaseMs);
    for (const id of found.keys()) this.#held.add(id);
    return found;
  }

  #keepAhead(id: string, found: Found | undefined): void {
    if (found === 'held') this.#ahead.add(id);
    else this.release(id);
  }

  /** What nobody has taken by now may not be for long, while verbs of that tenant wait for it. */
  #keep(): Promise<void> {
    for (const id of this.#ahead) this.release(id);
    if (this.#freed.length > 0) void this.#free();
    return this.#renew();
  }

  /** Only an answer says that a lease is lost. */
  async #renew(): Promise<void> {
    if (this.#held.size === 0) return;
    const askedAt = performance.now();
    const asked = [...this.#held];
    const kept = new Set(await this.#leases.renew(this.#holder, this.#verbs.leaseMs));
    for (const id of asked) {
      if (kept.has(id)) continue;
      this.#held.delete(id);
      this.#ahead.delete(id);
    }
    this.#renewedAt = askedAt;
  }

  #giveBack(id: string): void {
    this.#freed.push(id);
    this.#returning.add(id);
    this.#gathering ??= outside(() => setTimeout(() => void this.#free(), gatheringMs));
  }

  /** Gives back what is to be, in turn. A renewal would prolong what could not be given back, so that is tried again. */
  #free(): Promise<void> {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    const ids = this.#freed;
    this.#freed = [];
    this.#freeing = this.#freeing.then(async () => {
      if (ids.length === 0) return;
      try {
        await this.#leases.release(this.#holder, ids);
        for (const id of ids) this.#returning.delete(id);
      } catch {
        this.#freed.push(...ids);
      }
    });
    return this.#freeing;
  }
}

function busy(id: string): TenancyError {
  const message = `Tenant "${id}" is being changed by another process; migrate it when that is done.`;
  return new TenancyError('TENANT_BUSY', message, { tenant: id });
}
