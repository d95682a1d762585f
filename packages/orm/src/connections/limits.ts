/** How many connections a server is asked for, and for how long. One process has them; each process has its own. */
export interface ConnectionLimits {
  /** How many connections there are to the server at once, to all of its databases together. Default: 20. */
  readonly max?: number;
  /** How many statements and transactions may wait for one at once; a further one is refused. Default: 1000. */
  readonly maxWaiting?: number;
  /**
   * How long one of them waits, the opening of a connection included, before it is refused; in milliseconds. Default:
   * `connectionTimeoutMillis` of driverOptions, else 10 000.
   */
  readonly waitMs?: number;
  /**
   * After how long without use a connection is closed, in milliseconds. Default: `pool.idleTimeoutMillis` of the MikroORM
   * configuration, else 10 000.
   */
  readonly idleMs?: number;
  /** How old a connection gets, in milliseconds; one in use is closed when it comes back. Default: 1 800 000, half an hour. */
  readonly lifetimeMs?: number;
  /**
   * How many schemas a connection serves before another takes its place. PostgreSQL keeps what it has learned of each for
   * as long as the connection lives: some 170 KB when ten tables are read. Default: 500. `Infinity`: any number.
   */
  readonly maxSchemas?: number;
  /**
   * How many plain reads may be under way on one connection at once, each answered after those before it. 1: each has a
   * connection of its own, as everything else has. Default: 4.
   */
  readonly maxPipelined?: number;
}

/** What the pools keep to. */
export type Limits = Required<ConnectionLimits>;

const defaults: Limits = {
  max: 20,
  maxWaiting: 1_000,
  waitMs: 10_000,
  idleMs: 10_000,
  lifetimeMs: 1_800_000,
  maxSchemas: 500,
  maxPipelined: 4,
};

/** The limits of a server: the first that says something decides. */
export function limitsOf(...given: readonly (ConnectionLimits | undefined)[]): Limits {
  const known = given.flatMap((limits) => Object.entries(limits ?? {}));
  return { ...defaults, ...Object.fromEntries(known.filter(([, value]) => value !== undefined).reverse()) };
}

/** Timers count no further. */
const longest = 2 ** 31 - 1;

/** What is wrong with limits, in words that follow the name of the option; `undefined` where nothing is. */
export function faultOfLimits(given: ConnectionLimits): string | undefined {
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(defaults, name)) return `has no ${name}. There are: ${Object.keys(defaults).join(', ')}.`;
    if (value === undefined) continue;
    const least = name === 'maxWaiting' ? 0 : 1;
    const unlimited = value === Number.POSITIVE_INFINITY && unlimitable.has(name);
    if (unlimited || (Number.isInteger(value) && value >= least && value <= longest)) continue;
    return `has the ${name} ${value}, which must be a whole number from ${least} to ${longest}.`;
  }
  return undefined;
}

const unlimitable: ReadonlySet<string> = new Set(['lifetimeMs', 'maxSchemas']);
