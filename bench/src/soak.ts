import { redisServer } from '@omnitenant/tooling/services';
import { compared, type Figure, type Round, spreadOf } from './figure.ts';
import type { BenchOptions } from './options.ts';
import type { Site } from './site.ts';
import type { SoakJobsCalls } from './soak-jobs.ts';
import type { SoakWebCalls } from './soak-web.ts';
import { startWorker } from './worker.ts';
import { tenantId } from './workload.ts';

const timedSeconds = 10;
const faultSeconds = 3;
const jobs = 100_000;
/** The noisy tenants come first. */
const quiet = Array.from({ length: 10 }, (_, n) => tenantId(n + 11));

/**
 * Many tenants, of which one sends slow queries, one holds transactions open, one floods lookups and asks for huge results, and one has a
 * queue of 100,000 jobs, while connections are cut and Redis is restarted.
 */
export async function soak(
  site: Site,
  { soakTenants, minutes }: BenchOptions,
  { signal, progress }: { readonly signal: AbortSignal; readonly progress: (text: string) => void },
): Promise<Figure[]> {
  const database = await site.createDatabase();
  // What was written is there again after it was killed.
  await using redis = await redisServer({ flags: () => ['--appendonly', 'yes', '--appendfsync', 'no'] });
  const flags = ['--expose-gc'];
  await using web = startWorker<SoakWebCalls>(new URL('soak-web.ts', import.meta.url), { signal, flags });
  await using worker = startWorker<SoakJobsCalls>(new URL('soak-jobs.ts', import.meta.url), { signal });
  progress(`soak: makes ${soakTenants} tenants, and ${jobs} jobs of one of them`);
  await web.call('start', { database, redis: redis.url, tenants: soakTenants });
  await worker.call('start', { redis: redis.url, quiet, noisy: tenantId(4), jobs });
  const rounds: Round[] = [];
  const heaps: { minute: number; heap: number }[] = [];
  const lone: number[] = [];
  const began = performance.now();
  const minute = () => (performance.now() - began) / 60_000;
  while (minute() < minutes || rounds.length < 3) {
    progress(`soak: minute ${minute().toFixed(1)} of ${minutes}`);
    const timed = web.call('cycle', { seconds: timedSeconds });
    lone.push(...(await worker.call('lone', { ids: quiet })));
    const { heap, ...round } = await timed;
    rounds.push(round);
    heaps.push({ minute: minute(), heap });
    const cutting = web.call('cut', { database, seconds: faultSeconds });
    await redis.restart();
    await cutting;
  }
  const ofWeb = await web.call('end', undefined as never);
  const ofJobs = await worker.call('end', undefined as never);
  const counters = Object.entries({ ...ofWeb.counters, ...ofJobs.counters });
  for (const [name, [counted, done]] of counters) progress(`soak: ${name}: ${counted} counted, ${done} done`);
  const { refused, cut, foreign, entered } = ofWeb.tally;
  const exactly = (name: string, unit: string, value: number): Figure => ({
    ...{ name: `soak: ${name}`, unit },
    ...{ tenancy: spreadOf([value]), target: { most: 0 } },
  });
  return [
    compared(
      { name: "soak: quiet tenants' p99 beside noisy ones", unit: 'ms, plain is alone', target: { most: 2 } },
      rounds,
    ),
    exactly('answers and jobs in another tenant', 'altogether', foreign + ofJobs.foreign),
    exactly('counters that differ from what was done', `of ${counters.length}`, counters.filter(differs).length),
    {
      name: 'soak: growth of the heap',
      unit: 'KB a minute',
      tenancy: spreadOf([slopeOf(heaps) / 1_024]),
      target: { most: 500 },
    },
    { name: "soak: a quiet tenant's job beside 100,000", unit: 'ms', tenancy: spreadOf(lone) },
    { name: 'soak: requests', unit: 'altogether', tenancy: spreadOf([entered]) },
    { name: 'soak: requests refused a connection', unit: 'altogether', tenancy: spreadOf([refused]) },
    { name: 'soak: requests that were cut', unit: 'altogether', tenancy: spreadOf([cut]) },
  ];
}

type Counter = readonly [name: string, values: readonly [counted: number, done: number]];

function differs([, [counted, done]]: Counter): boolean {
  return counted !== done;
}

/** The slope of the line that fits the later half best, in bytes a minute: what is loaded once comes before. */
function slopeOf(samples: readonly { readonly minute: number; readonly heap: number }[]): number {
  const later = samples.slice(Math.floor(samples.length / 2));
  const mean = (of: (sample: (typeof later)[number]) => number) =>
    later.reduce((sum, sample) => sum + of(sample), 0) / later.length;
  const [minute, heap] = [mean((sample) => sample.minute), mean((sample) => sample.heap)];
  const covariance = mean((sample) => (sample.minute - minute) * (sample.heap - heap));
  const variance = mean((sample) => (sample.minute - minute) ** 2);
  return variance === 0 ? 0 : covariance / variance;
}
