import { AsyncResource } from 'node:async_hooks';
import type { TenantShare } from '../placement/tenant-limits.ts';
import type { SqlClient } from '../sql/client.ts';
import { trace } from '../sql/diagnostics.ts';
import type { ConnectionTarget } from './database-pool.ts';
import type { Limits } from './limits.ts';
import { takeOut } from './round-robin-queue.ts';
import { exhausted, shareExhausted, unavailable } from './server-errors.ts';
import type { ServerPools } from './server-pools.ts';
import { ShareLease } from './share-lease.ts';

/**
 * Divides the connections of one server among its tenants. A tenant gets a further connection while it has fewer than it leaves free: alone
 * it can have half of them, two that ask for much a third each, and some are always free for who comes next. Each may have one, also when
 * there are more tenants than connections; these then wait for each other. Requests beyond the share wait here, where they take
 * nothing from others.
 */
export class TenantShares {
  readonly #pools: ServerPools;
  readonly #limits: Limits;
  readonly #server: Budget;
  readonly #databases = new Map<string, Budget>();
  readonly #tenants = new Map<string, TenantUse>();
  /** The tenants with requests that are held back, in the order of their turns. */
  readonly #holding: TenantUse[] = [];
  #held = 0;
  #refused = 0;

  constructor(pools: ServerPools, limits: Limits) {
    this.#pools = pools;
    this.#limits = limits;
    this.#server = { capacity: limits.max * limits.maxPipelined, used: 0 };
  }

  /** The number of requests that were refused here. */
  get refused(): number {
    return this.#refused;
  }

  /** The number of requests that are held back. */
  get held(): number {
    return this.#held;
  }

  connect(share: TenantShare, target: ConnectionTarget, plainRead: boolean): Promise<SqlClient> {
    const tenant = this.#useOf(share, target);
    const { waitMs } = this.#limits;
    return tenant.held.length === 0 && this.#mayEnter(tenant)
      ? this.#enter(tenant, { target, plainRead, waitMs })
      : this.#hold(tenant, target, plainRead);
  }

  #useOf(share: TenantShare, target: ConnectionTarget): TenantUse {
    const known = this.#tenants.get(share.key);
    if (known) {
      known.share = share;
      return known;
    }
    if (this.#tenants.size >= keptTenants) this.#forgetUnused();
    const database = share.ownDatabase ? undefined : this.#databaseOf(target);
    const tenant: TenantUse = { share, database, used: 0, lent: 0, held: [] };
    this.#tenants.set(share.key, tenant);
    return tenant;
  }

  #databaseOf(target: ConnectionTarget): Budget {
    const { key, max } = this.#pools.poolFor(target);
    const known = this.#databases.get(key);
    if (known) return known;
    const budget: Budget = { capacity: max * this.#limits.maxPipelined, used: 0 };
    this.#databases.set(key, budget);
    return budget;
  }

  #forgetUnused(): void {
    for (const [key, { used, held }] of this.#tenants) if (used === 0 && held.length === 0) this.#tenants.delete(key);
  }

  /** Counted in plain reads, of which `maxPipelined` make a connection. */
  #mayEnter({ share, database, used }: TenantUse): boolean {
    const { maxPipelined, maxPerTenant } = this.#limits;
    if (used < maxPipelined) return true;
    if (used >= (share.connections ?? maxPerTenant) * maxPipelined) return false;
    return used < this.#freeIn(this.#server) && (database === undefined || used < this.#freeIn(database));
  }

  /** Too few are not divided: where a tenant had one, what needs a second one would wait for itself. */
  #freeIn({ capacity, used }: Budget): number {
    return capacity < leastDivided * this.#limits.maxPipelined ? capacity : capacity - used;
  }

  #enter(tenant: TenantUse, { target, plainRead, waitMs }: Request): Promise<SqlClient> {
    const { maxPipelined } = this.#limits;
    const lease = new ShareLease(tenant, maxPipelined, this.#count);
    lease.take(plainRead ? 1 : maxPipelined);
    const client = this.#pools.connect(target, plainRead, { lease, waitMs });
    client.catch(() => lease.end());
    return client;
  }

  readonly #count = (tenant: TenantUse, amount: number): void => {
    tenant.used += amount;
    this.#server.used += amount;
    if (tenant.database) tenant.database.used += amount;
    if (amount < 0 && this.#holding.length > 0) this.#admit();
  };

  /** Lets in whoever may enter now, one of each tenant in turn. */
  #admit(): void {
    const mayEnter = (one: TenantUse): boolean => this.#mayEnter(one);
    for (let tenant = this.#holding.find(mayEnter); tenant; tenant = this.#holding.find(mayEnter)) {
      const request = tenant.held[0];
      if (!request) return;
      this.#drop(tenant, request);
      if (takeOut(this.#holding, tenant)) this.#holding.push(tenant);
      request.enter();
    }
  }

  #hold(tenant: TenantUse, target: ConnectionTarget, plainRead: boolean): Promise<SqlClient> {
    const { waitMs, maxWaiting } = this.#limits;
    const placesLeft = maxWaiting - this.#held - this.#pools.waiting;
    const waiting = tenant.held.length;
    if (placesLeft <= 0 || waiting >= (tenant.share.waiting ?? placesLeft)) {
      return Promise.reject(this.#exhausted(tenant, target, `${waiting} of its requests are waiting already`));
    }
    const { promise, resolve, reject } = Promise.withResolvers<SqlClient>();
    // Whoever gives a connection back is another request, of another tenant and in another trace.
    const inScope = AsyncResource.bind(<R>(work: () => R): R => work());
    const due = performance.now() + waitMs;
    const request: HeldRequest = {
      target,
      refuse: (error) => {
        clearTimeout(timer);
        inScope(() => reject(unavailable(target, error)));
      },
      enter: () => {
        clearTimeout(timer);
        const rest = Math.max(1, due - performance.now());
        inScope(() => resolve(this.#enter(tenant, { target, plainRead, waitMs: rest })));
      },
    };
    const timer = setTimeout(() => {
      this.#drop(tenant, request);
      reject(this.#exhausted(tenant, target, `none became free within ${waitMs} ms`));
    }, waitMs);
    if (waiting === 0) this.#holding.push(tenant);
    tenant.held.push(request);
    this.#held += 1;
    const { server, database } = target;
    const message = () => ({ for: 'share' as const, server, database, tenant: tenant.share.tenant });
    return trace('omnitenant:orm:wait', message, () => promise);
  }

  /** Refuses the requests that are held back: those for one database, or all. */
  refuseHeld(error: Error, database?: string): void {
    for (const tenant of [...this.#holding]) {
      for (const request of [...tenant.held]) {
        if (database !== undefined && request.target.database !== database) continue;
        this.#drop(tenant, request);
        request.refuse(error);
      }
    }
  }

  #drop(tenant: TenantUse, request: HeldRequest): void {
    if (!takeOut(tenant.held, request)) return;
    this.#held -= 1;
    if (tenant.held.length === 0) takeOut(this.#holding, tenant);
  }

  #exhausted({ share, used, lent }: TenantUse, target: ConnectionTarget, why: string): Error {
    this.#refused += 1;
    if (lent === 0) return exhausted({ ...target, tenant: share.tenant }, `others use the connections, and ${why}`);
    return shareExhausted(target, share.tenant, Math.ceil(used / this.#limits.maxPipelined), why);
  }
}

/** The fewest connections of which tenants have shares. */
export const leastDivided = 4;

/** How many tenants are remembered with nothing in use, before they are forgotten. */
const keptTenants = 10_000;

interface Budget {
  readonly capacity: number;
  used: number;
}

interface TenantUse {
  /** As the newest version of the tenant's record has it. */
  share: TenantShare;
  readonly database: Budget | undefined;
  used: number;
  /** The number of its requests that have a connection; the others of those in use wait in the pool. */
  lent: number;
  readonly held: HeldRequest[];
}

interface Request {
  readonly target: ConnectionTarget;
  readonly plainRead: boolean;
  readonly waitMs: number;
}

interface HeldRequest {
  readonly target: ConnectionTarget;
  readonly refuse: (error: Error) => void;
  readonly enter: () => void;
}
