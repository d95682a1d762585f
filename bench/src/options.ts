import { parseArgs } from 'node:util';

const benchmarks = [
  'run',
  'request',
  'peer',
  'idle',
  'fleet',
  'drift',
  'archive',
  'connections',
  'staleness',
  'queue',
  'noise',
  'reading',
  'flood',
  'sqlite',
  'mariadb',
] as const;
/** What runs only when it is named, as it takes long. */
const named = ['soak'] as const;
const frameworks = ['hono', 'express'] as const;
const isolations = ['schema', 'database', 'row'] as const;
const circumstances = ['usual', 'alone', 'cold', 'pooler', 'signed'] as const;

export type Benchmark = (typeof benchmarks)[number] | (typeof named)[number];
export type Framework = (typeof frameworks)[number];
export type Circumstance = (typeof circumstances)[number];
export type Isolation = (typeof isolations)[number];

export interface BenchOptions {
  readonly benchmarks: readonly Benchmark[];
  readonly frameworks: readonly Framework[];
  readonly isolations: readonly Isolation[];
  /** What is different from the usual request path: one request at a time, tenants looked up each time, a PgBouncer in between, a login of tenants that share tables. */
  readonly circumstances: readonly Circumstance[];
  /** How many tenants there are on the request path. */
  readonly tenants: number;
  /** How many of them are asked for in turn. */
  readonly hosts: number;
  readonly rounds: number;
  /** How long a round's load lasts, in seconds. */
  readonly seconds: number;
  /** Load before the first round, in seconds: Node compiles more and more of a server in its first 50,000 requests. */
  readonly warmUpSeconds: number;
  readonly idleTenants: number;
  /** Schema tenants of `fleet` that are migrated; `drift` has ten times as many. */
  readonly fleet: number;
  /** Rows of the tenant that is exported and imported. */
  readonly archivedRows: number;
  /** Tenants of `connections` that have databases of their own. */
  readonly databases: number;
  /** Schemas that a connection of `connections` visits. */
  readonly schemas: number;
  /** Scopes entered in a round of `run`. */
  readonly scopes: number;
  /** Changes of a tenant that another process is to see. */
  readonly changes: number;
  /** Jobs added and done in a round of `queue`. */
  readonly jobs: number;
  /** Tenants of `soak`, and for how many minutes it goes on. */
  readonly soakTenants: number;
  readonly minutes: number;
  readonly targets: boolean;
  readonly json: boolean;
  /** Write the page of the documentation. */
  readonly page: boolean;
  /** A folder for CPU profiles of the servers. */
  readonly profile?: string | undefined;
}

type Sizes = Omit<
  BenchOptions,
  | 'benchmarks'
  | 'frameworks'
  | 'isolations'
  | 'circumstances'
  | 'hosts'
  | 'minutes'
  | 'targets'
  | 'json'
  | 'page'
  | 'profile'
>;

const fullSize: Sizes = {
  ...{ tenants: 200, rounds: 6, seconds: 5, warmUpSeconds: 30, idleTenants: 10_000 },
  ...{ fleet: 1_000, databases: 200, schemas: 1_000, scopes: 50_000, changes: 300, jobs: 12_000, soakTenants: 1_000 },
  archivedRows: 500_000,
};

const smokeTest: Sizes = {
  ...{ tenants: 12, rounds: 2, seconds: 1, warmUpSeconds: 1, idleTenants: 500 },
  ...{ fleet: 20, databases: 12, schemas: 40, scopes: 5_000, changes: 10, jobs: 500, soakTenants: 30 },
  archivedRows: 5_000,
};

export const usage = `pnpm bench [run] [request] [peer] [idle] [fleet] [drift] [archive] [connections] [staleness] [queue] [noise] [reading] [flood] [sqlite] [mariadb] [flags]     all of these when none is named
pnpm bench soak --minutes <n>                        many tenants and four noisy ones, with faults, for so long (60)

  --framework <hono|express>            of the request path; may be given more than once (hono)
  --isolation <schema|database|row>     of the request path; may be given more than once (schema)
  --circumstance <usual|alone|cold|pooler|signed>
                                        of the request path: 32 requests at a time, one at a time, each tenant looked up each time,
                                        through PgBouncer, and for isolation row with the option rows; may be given more than once (usual)
  --tenants <n>        tenants on the request path (200)
  --hosts <n>          how many of them are asked for in turn (200; of isolation database 40 at most)
  --fleet <n>          tenants of fleet, sqlite and mariadb (1000)
  --rounds <n>         rounds, each with tenancy and without (6)
  --seconds <n>        how long a round's load lasts (5)
  --idle-tenants <n>   registered tenants of idle (10000)
  --profile <folder>   write CPU profiles of the servers there
  --json               print JSON instead of tables
  --page               every isolation and circumstance; write docs/guide/benchmark.md and its plot as well
  --no-targets         do not fail when a target is missed
  --quick              a smoke test: few tenants, short rounds, no targets`;

/** Reads the command line; `undefined` where it asks for help. Throws where it cannot be read. */
export function readOptions(args: readonly string[]): BenchOptions | undefined {
  const { values, positionals } = parseArgs({
    args: [...args].filter((arg) => arg !== '--'),
    allowPositionals: true,
    allowNegative: true,
    options: {
      framework: { type: 'string', multiple: true, default: ['hono'] },
      isolation: { type: 'string', multiple: true },
      circumstance: { type: 'string', multiple: true },
      tenants: { type: 'string' },
      hosts: { type: 'string' },
      fleet: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      minutes: { type: 'string' },
      'idle-tenants': { type: 'string' },
      profile: { type: 'string' },
      json: { type: 'boolean', default: false },
      page: { type: 'boolean', default: false },
      targets: { type: 'boolean' },
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  const { quick, profile } = values;
  const sizes = quick ? smokeTest : fullSize;
  const tenants = count('tenants', values.tenants) ?? sizes.tenants;
  const isolation = values.isolation ?? (values.page ? [...isolations] : ['schema']);
  const circumstance = values.circumstance ?? (values.page ? [...circumstances] : ['usual']);
  return {
    ...sizes,
    benchmarks: positionals.length > 0 ? positionals.map((name) => oneOf([...benchmarks, ...named], name)) : benchmarks,
    frameworks: values.framework.map((name) => oneOf(frameworks, name)),
    isolations: isolation.map((name) => oneOf(isolations, name)),
    circumstances: circumstance.map((name) => oneOf(circumstances, name)),
    tenants,
    hosts: Math.min(tenants, count('hosts', values.hosts) ?? 200),
    fleet: count('fleet', values.fleet) ?? sizes.fleet,
    rounds: count('rounds', values.rounds) ?? sizes.rounds,
    seconds: count('seconds', values.seconds) ?? sizes.seconds,
    idleTenants: count('idle-tenants', values['idle-tenants']) ?? sizes.idleTenants,
    minutes: count('minutes', values.minutes) ?? 60,
    targets: values.targets ?? !quick,
    json: values.json,
    page: values.page,
    profile,
  };
}

function oneOf<const Name extends string>(names: readonly Name[], given: string): Name {
  const name = names.find((candidate) => candidate === given);
  if (name === undefined) throw new Error(`"${given}" is none of ${names.join(', ')}.`);
  return name;
}

function count(flag: string, given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  const value = Number(given);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${flag} takes a whole number, not "${given}".`);
  return value;
}
