import type { SqlClient } from '../sql/client.ts';
import type { ConnectionTarget, DatabaseOpener } from './database-pool.ts';
import type { Limits } from './limits.ts';
import { type ServerStats, sumOf } from './pool-stats.ts';
import { closed, ServerPools } from './server-pools.ts';
import { leastDivided, TenantShares } from './tenant-shares.ts';

/**
 * The connections to one server. Tenants have shares of them. Some of the budget is a reserve for whatever is no tenant's request: lookups,
 * central and the lifecycle. So these go on while tenants use all the rest.
 */
export class FairServer {
  readonly #pools: ServerPools;
  readonly #reserve: ServerPools | undefined = undefined;
  readonly #shares: TenantShares;

  /** `onEmpty` is called when no request waits and no connection is left. */
  constructor(limits: Limits, opener: (target: ConnectionTarget) => DatabaseOpener, onEmpty = (): void => {}) {
    const reserved = reserveOf(limits);
    const shared: Limits = { ...limits, max: limits.max - reserved };
    const onPartEmpty = (): void => {
      if (this.#isEmpty) onEmpty();
    };
    this.#pools = new ServerPools(shared, opener, onPartEmpty, () => this.#shares.held);
    this.#shares = new TenantShares(this.#pools, shared);
    if (reserved > 0) this.#reserve = new ServerPools({ ...limits, max: reserved }, opener, onPartEmpty);
  }

  connect(target: ConnectionTarget, plainRead = false): Promise<SqlClient> {
    const { share } = target;
    if (share !== undefined) return this.#shares.connect(share, target, plainRead);
    const reserve = this.#reserve;
    if (reserve === undefined) return this.#pools.connect(target, plainRead);
    // What tenants may have stays theirs: a connection taken from it would have to be closed for one of their databases.
    for (const pools of [reserve, this.#pools]) if (pools.hasRoom(target)) return pools.connect(target, plainRead);
    return firstOf([this.#pools, reserve], (pools, unwanted) => pools.connect(target, plainRead, { unwanted }));
  }

  async close(database: string): Promise<void> {
    this.#shares.refuseHeld(closed(), database);
    await Promise.all([this.#pools.close(database), this.#reserve?.close(database)]);
  }

  cut(): void {
    this.#pools.cut();
    this.#reserve?.cut();
  }

  async end(): Promise<void> {
    this.#shares.refuseHeld(closed());
    await Promise.all([this.#pools.end(), this.#reserve?.end()]);
  }

  stats(): ServerStats {
    const { held, refused } = this.#shares;
    const parts = sumOf(this.#reserve ? [this.#pools.stats(), this.#reserve.stats()] : [this.#pools.stats()]);
    return {
      ...parts,
      waiting: parts.waiting + held,
      refused: parts.refused + refused,
      heldBack: held,
      shareExhausted: refused,
    };
  }

  get #isEmpty(): boolean {
    return this.#pools.isEmpty && (this.#reserve?.isEmpty ?? true);
  }
}

/** The client that comes first. The others leave their queues; one that came at the same time is released. */
async function firstOf(
  pools: readonly ServerPools[],
  connect: (pools: ServerPools, unwanted: AbortSignal) => Promise<SqlClient>,
): Promise<SqlClient> {
  const others = new AbortController();
  let first: SqlClient | undefined;
  const clients = pools.map((each) => connect(each, others.signal));
  for (const client of clients) {
    client.then(
      (came) => {
        first ??= came;
        if (first === came) others.abort();
        else came.release();
      },
      () => {},
    );
  }
  try {
    return await Promise.any(clients);
  } catch (error) {
    throw error instanceof AggregateError ? error.errors[0] : error;
  }
}

/** A tenth of the budget, at least one. A budget of less than four has none to spare. */
function reserveOf({ max }: Limits): number {
  return max < leastDivided ? 0 : Math.ceil(max / 10);
}
