/** The connections to one server, and the requests for them, as this process counts them. */
export interface PoolStats {
  /** The budget. */
  readonly max: number;
  /** Connections that count towards it: open, opening or closing. */
  readonly open: number;
  readonly inUse: number;
  readonly idle: number;
  /** Requests that wait for a connection. */
  readonly waiting: number;
  readonly opened: number;
  readonly closed: number;
  /** Requests that had to wait and got a connection. */
  readonly waited: number;
  /** How long they waited, all together, in milliseconds. */
  readonly waitedMs: number;
  /** Requests that were refused, as they waited for too long or as one too many. */
  readonly refused: number;
  /** Statements that were sent, each together with its pin. */
  readonly statements: number;
  /** Plain reads that were cut, as others waited behind them, and sent again by themselves. They count as two statements. */
  readonly resent: number;
}

/** The connections to one server, with what tenants have asked for beyond their shares. */
export interface ServerStats extends PoolStats {
  /** Requests that wait because their tenant uses its share. They are among those that wait. */
  readonly heldBack: number;
  /** Requests refused after they were held back. They are among those refused. */
  readonly shareExhausted: number;
}

/** Counters of the orm in this process. */
export interface OrmStats {
  /** By the server's name. Tenants' own servers are one entry, `own`, if any is in use. */
  readonly servers: Readonly<Record<string, ServerStats>>;
  /** The tenants of the runs of migrations that are under way: those to look at, those done, and those among them that failed. */
  readonly fleet: { readonly total: number; readonly done: number; readonly failed: number };
}

/** What is counted of the statements over a server's connections. */
export interface StatementCounts {
  statements: number;
  resent: number;
}

/** The sum of several. */
export function sumOf<Stats extends Readonly<Record<keyof Stats, number>>>(all: readonly [Stats, ...Stats[]]): Stats {
  return all.reduce((sum, one) => {
    const entries = Object.entries(one as Readonly<Record<string, number>>);
    return Object.fromEntries(
      entries.map(([name, value]) => [name, value + Number(sum[name as keyof Stats])]),
    ) as never;
  });
}
