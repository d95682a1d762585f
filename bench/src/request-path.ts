import { generateCredentialsKey } from '@omnitenant/orm';
import { compared, type Figure } from './figure.ts';
import type { LoadCalls } from './load.ts';
import type { BenchOptions, Circumstance, Framework, Isolation } from './options.ts';
import type { ServerCalls } from './server.ts';
import { populate, type Site, type Target, throughPgBouncer, withoutTenancy } from './site.ts';
import { startWorker } from './worker.ts';

/** Requests a second of one server process with tenancy by one without, both on the same PostgreSQL. */
export async function requestPath(
  site: Site,
  { isolation, circumstance }: { readonly isolation: Isolation; readonly circumstance: Circumstance },
  options: BenchOptions,
  { signal, progress }: { readonly signal: AbortSignal; readonly progress: (text: string) => void },
): Promise<Figure[]> {
  progress(`request path: makes tenants of isolation ${isolation}`);
  const created = await site.createDatabase();
  const rows = { password: 'tenants', keys: generateCredentialsKey() };
  const direct = circumstance === 'signed' ? { ...created, rows } : created;
  // A database for each of 200 tenants would be a benchmark of the connections' budget.
  const tenants = isolation === 'database' ? Math.min(40, options.tenants) : options.tenants;
  const hosts = Math.min(tenants, options.hosts);
  const connections = circumstance === 'alone' ? 1 : 32;
  const targets = await populate(direct, { isolation, tenants, signal });
  await using pooled = circumstance === 'pooler' ? await throughPgBouncer(direct) : undefined;
  const database = pooled?.database ?? direct;

  const figures: Figure[] = [];
  for (const framework of options.frameworks) {
    await using tenancy = await openServer('tenancy', framework, targets.slice(0, hosts));
    const asked = targets.slice(0, hosts);
    await using plain = await openServer('plain', framework, isolation === 'database' ? asked : withoutTenancy(asked));
    const pair = [tenancy, plain] as const;
    for (const server of pair) await server.measure(options.warmUpSeconds);
    const rounds: { tenancy: Measured; plain: Measured }[] = [];
    for (let round = 0; round < options.rounds; round += 1) {
      progress(`request path, ${isolation}, ${framework}: round ${round + 1} of ${options.rounds}`);
      // Who comes first changes, so that a machine that slows down favours neither.
      const [first, second] = round % 2 === 0 ? pair : ([plain, tenancy] as const);
      const results = new Map([[first, await first.measure(options.seconds)]]);
      results.set(second, await second.measure(options.seconds));
      rounds.push({ tenancy: results.get(tenancy) as Measured, plain: results.get(plain) as Measured });
    }
    const name = `request path, ${isolation}, ${framework}${suffixes[circumstance]}`;
    const figure = (about: Pick<Figure, 'name' | 'unit' | 'target'>, of: keyof Measured) =>
      compared(
        about,
        rounds.map((round) => ({ tenancy: round.tenancy[of], plain: round.plain[of] })),
      );
    figures.push(
      figure(
        {
          name,
          unit: 'requests/s',
          target: { least: targetOf(isolation, circumstance) },
        },
        'rate',
      ),
      figure({ name, unit: 'µs of server CPU' }, 'cpu'),
      figure({ name, unit: 'ms p50' }, 'p50'),
      figure({ name, unit: 'ms p99' }, 'p99'),
    );
  }
  return figures;

  interface Measured {
    readonly rate: number;
    readonly cpu: number;
    readonly p50: number;
    readonly p99: number;
  }

  async function openServer(variant: 'tenancy' | 'plain', framework: Framework, asked: readonly Target[]) {
    const flags = options.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${options.profile}`];
    const profile = `--cpu-prof-name=${variant}-${isolation}-${framework}.cpuprofile`;
    const server = startWorker<ServerCalls>(new URL('server.ts', import.meta.url), {
      signal,
      flags: flags.length > 0 ? [...flags, profile] : [],
    });
    const load = startWorker<LoadCalls>(new URL('load.ts', import.meta.url), { signal });
    async function end(): Promise<void> {
      await Promise.all([server.end(), load.end()]);
    }
    const starting = server.call('start', {
      variant,
      framework,
      database,
      cold: circumstance === 'cold',
      hosts: isolation === 'database' ? asked.map(({ host }) => host) : [],
    });
    // Processes that nobody ends would keep this one alive.
    const { port } = await starting.catch((error: unknown) => end().then(() => Promise.reject(error)));
    return {
      async measure(seconds: number): Promise<Measured> {
        const before = await server.call('cpu', undefined as never);
        const { requests, ...result } = await load.call('run', { port, targets: asked, connections, seconds });
        const used = (await server.call('cpu', undefined as never)) - before;
        return { ...result, cpu: used / requests };
      },
      [Symbol.asyncDispose]: end,
    };
  }
}

function targetOf(isolation: Isolation, circumstance: Circumstance): number {
  if (circumstance !== 'usual') return { alone: 0.85, cold: 0.6, pooler: 0.85, signed: 0.9 }[circumstance];
  return { schema: 1, database: 1, row: 0.95 }[isolation];
}

const suffixes: Readonly<Record<Circumstance, string>> = {
  usual: '',
  alone: ', one request at a time',
  cold: ', tenant looked up each time',
  pooler: ', through PgBouncer',
  signed: ', with a login of its own',
};
