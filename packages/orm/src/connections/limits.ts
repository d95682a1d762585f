import { type OptionNames, unknownOption } from '@omnitenant/core/extend';

/** Limits on the connections to one server. They hold for one process; other processes have their own. */
export interface ConnectionLimits {
  /** The most connections to the server at once, over all of its databases. Default: 20. */
  readonly max?: number | undefined;
  /**
   * The most connections that one tenant has at once. A tenant never has more than it leaves free for others: half, while nobody
   * else asks. Default: no further limit. The option `limits` gives each tenant its own.
   */
  readonly maxPerTenant?: number | undefined;
  /** The most statements and transactions that may wait for a connection at once. Any further one fails. Default: 1000. */
  readonly maxWaiting?: number | undefined;
  /**
   * How long a statement or transaction waits for a connection, including the time to open it, in milliseconds. Default:
   * `connectionTimeoutMillis` of driverOptions, else 10 000.
   */
  readonly waitMs?: number | undefined;
  /**
   * How long an unused connection stays open, in milliseconds. Default: `pool.idleTimeoutMillis` of the MikroORM
   * configuration, else 10 000.
   */
  readonly idleMs?: number | undefined;
  /**
   * How long a connection lives, in milliseconds; one in use is closed when it is returned. Default: 1 800 000, half an hour.
   */
  readonly lifetimeMs?: number | undefined;
  /**
   * How many schemas a connection serves before it is replaced. PostgreSQL caches the tables of each schema for as long as the
   * connection lives: about 170 KB for ten tables. Default: 500. `Infinity`: no limit.
   */
  readonly maxSchemas?: number | undefined;
  /**
   * How many plain reads may share a connection at once; they are answered in order. 1: each read has a connection of its
   * own, like every other statement. Default: 4.
   */
  readonly maxPipelined?: number | undefined;
  /**
   * How long `close` waits for connections that are in use, in milliseconds. After that they are closed, and PostgreSQL rolls
   * back what was open on them. Default: 10 000.
   */
  readonly closeMs?: number | undefined;
}

/** The limits with their defaults filled in. */
export type Limits = { readonly [Limit in keyof ConnectionLimits]-?: number };

const defaults: Limits = {
  max: 20,
  maxPerTenant: Number.POSITIVE_INFINITY,
  maxWaiting: 1_000,
  waitMs: 10_000,
  idleMs: 10_000,
  lifetimeMs: 1_800_000,
  maxSchemas: 500,
  maxPipelined: 4,
  closeMs: 10_000,
};

/** The limits of a server. The first argument that sets a limit decides it. */
export function limitsOf(...given: readonly (ConnectionLimits | undefined)[]): Limits {
  const known = given.flatMap((limits) => Object.entries(limits ?? {}));
  return { ...defaults, ...Object.fromEntries(known.filter(([, value]) => value !== undefined).reverse()) };
}

/** Whether a connection is too old, or has served too many schemas, to be used again. */
export function isSpent(
  { openedAt, schemas }: { readonly openedAt: number; readonly schemas: number },
  { lifetimeMs, maxSchemas }: Limits,
): boolean {
  return schemas >= maxSchemas || performance.now() - openedAt >= lifetimeMs;
}

/** The longest time that a timer of Node can wait, in milliseconds. */
const longestMs = 2 ** 31 - 1;

const limitNames = Object.fromEntries(
  Object.keys(defaults).map((name) => [name, true]),
) as OptionNames<ConnectionLimits>;

/** What is wrong with limits, in words that follow the name of the option; `undefined` where nothing is. */
export function faultOfLimits(given: ConnectionLimits): string | undefined {
  const unknown = unknownOption(given, limitNames);
  if (unknown !== undefined) return unknown;
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const least = name === 'maxWaiting' ? 0 : 1;
    const unlimited = value === Number.POSITIVE_INFINITY && mayBeUnlimited.has(name);
    if (unlimited || (Number.isInteger(value) && value >= least && value <= longestMs)) continue;
    return `has the ${name} ${value}, which must be a whole number from ${least} to ${longestMs}.`;
  }
  return undefined;
}

const mayBeUnlimited: ReadonlySet<string> = new Set(['lifetimeMs', 'maxSchemas', 'maxPerTenant']);
