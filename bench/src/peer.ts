import { compared, type Figure } from './figure.ts';
import type { LoadCalls } from './load.ts';
import type { BenchOptions } from './options.ts';
import type { PeerCalls, PeerOptions } from './peer-server.ts';
import type { ServerCalls, ServerOptions } from './server.ts';
import { populate, type Site, type SiteDatabase, type Target, withoutTenancy } from './site.ts';
import { startWorker, type Worker } from './worker.ts';

type Variant = ServerOptions['variant'] | PeerOptions['variant'];
type Measured = Readonly<Record<'rate' | 'cpu', number>>;

/** A pool is kept for each tenant; of more than 50 tenants, the peer would close pools in use. */
const mostTenants = 40;

/** The request path of schema tenants, of omnitenant and of a peer, each beside its own stack without tenants, in turns on the same schemas. */
export async function peer(
  site: Site,
  options: BenchOptions,
  { signal, progress }: { readonly signal: AbortSignal; readonly progress: (text: string) => void },
): Promise<Figure[]> {
  progress('peer: makes tenants');
  const database = await site.createDatabase();
  const tenants = Math.min(mostTenants, options.tenants);
  const targets = await populate(database, { isolation: 'schema', tenants, signal });
  await using stack = new AsyncDisposableStack();
  const measures = new Map<Variant, (seconds: number) => Promise<Measured>>();
  for (const variant of ['tenancy', 'plain', 'drizzle-multitenant', 'drizzle'] as const) {
    const asked = variant === 'plain' || variant === 'drizzle' ? withoutTenancy(targets) : targets;
    measures.set(variant, await openServer(variant, database, asked));
    await measures.get(variant)?.(options.warmUpSeconds);
  }
  const rounds: Record<Variant, Measured>[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    progress(`peer: round ${round + 1} of ${options.rounds}`);
    const results: Partial<Record<Variant, Measured>> = {};
    // Who comes first changes, so that a machine that slows down favours nobody.
    for (const [variant, measure] of round % 2 === 0 ? measures : [...measures].reverse())
      results[variant] = await measure(options.seconds);
    rounds.push(results as Record<Variant, Measured>);
  }
  const figures = (name: string, one: Variant, other: Variant): Figure[] =>
    [['requests/s', 'rate'] as const, ['µs of server CPU', 'cpu'] as const].map(([unit, of]) =>
      compared(
        { name, unit },
        rounds.map((round) => ({ tenancy: round[one][of], plain: round[other][of] })),
      ),
    );
  const about = `peer: ${tenants} schemas,`;
  return [
    ...figures(`${about} omnitenant by MikroORM`, 'tenancy', 'plain'),
    ...figures(`${about} drizzle-multitenant by Drizzle`, 'drizzle-multitenant', 'drizzle'),
    ...figures(`${about} omnitenant by drizzle-multitenant`, 'tenancy', 'drizzle-multitenant'),
  ];

  async function openServer(variant: Variant, site: SiteDatabase, asked: readonly Target[]) {
    const load = stack.use(startWorker<LoadCalls>(new URL('load.ts', import.meta.url), { signal }));
    const { port, cpu } = await startServer(variant, site);
    return async (seconds: number): Promise<Measured> => {
      const before = await cpu();
      const { requests, rate } = await load.call('run', { port, targets: asked, connections: 32, seconds });
      return { rate, cpu: ((await cpu()) - before) / requests };
    };
  }

  async function startServer(variant: Variant, database: SiteDatabase) {
    const isPeer = variant === 'drizzle-multitenant' || variant === 'drizzle';
    const module = new URL(isPeer ? 'peer-server.ts' : 'server.ts', import.meta.url);
    const worker: Worker<ServerCalls & PeerCalls> = stack.use(startWorker(module, { signal }));
    const input = isPeer
      ? { variant, url: database.url }
      : { variant, framework: 'hono', database, cold: false, hosts: [] };
    const { port } = await worker.call('start', input as never);
    return { port, cpu: () => worker.call('cpu', undefined as never) };
  }
}
