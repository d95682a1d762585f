import { randomBytes } from 'node:crypto';
import { mariadb, redisServer } from '@omnitenant/tooling/services';
import { openMariadbRun } from '../../tooling/testing/mariadb-run.ts';
import type { ArchiveCalls } from './archive.ts';
import type { ConnectionsCalls } from './connections.ts';
import type { DriftCalls } from './drift.ts';
import { compared, type Figure, misses, type Round, spreadOf, targetText } from './figure.ts';
import type { FleetCalls } from './fleet.ts';
import type { FloodCalls } from './flood.ts';
import type { IdleCalls } from './idle.ts';
import type { MariadbCalls } from './mariadb.ts';
import type { NoiseCalls } from './noise.ts';
import { type Benchmark, type BenchOptions, readOptions, usage } from './options.ts';
import { writePage } from './page.ts';
import { peer } from './peer.ts';
import type { QueueCalls } from './queue.ts';
import type { ReadingCalls } from './reading.ts';
import { circumstances, table } from './report.ts';
import { requestPath } from './request-path.ts';
import type { ScopesCalls } from './scopes.ts';
import { openSite, type Site } from './site.ts';
import { soak } from './soak.ts';
import type { SqliteCalls } from './sqlite.ts';
import type { ProcessOptions, StalenessCalls } from './staleness.ts';
import { startWorker } from './worker.ts';

/** What could not be measured. The rest is measured all the same: a whole run takes most of an hour. */
const failures: string[] = [];

const interrupted = new AbortController();
const { signal } = interrupted;
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => {
    progress(`${name}: clears up`);
    interrupted.abort(new Error(`Interrupted by ${name}.`));
  });
}

try {
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) console.log(usage);
  else process.exitCode = await main(options);
} catch (error) {
  process.exitCode = 1;
  if (signal.aborted) process.exitCode = 130;
  else if ((error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS'))
    console.error(`${(error as Error).message}\n\n${usage}`);
  else console.error(error);
}

type Measure = (site: Site, options: BenchOptions) => Promise<Figure[]>;

async function attempted(name: string, measure: () => Promise<Figure[]>): Promise<Figure[]> {
  try {
    return await measure();
  } catch (error) {
    if (signal.aborted) throw error;
    console.error(`${name} could not be measured:`, error);
    failures.push(name);
    return [];
  }
}

async function main(options: BenchOptions): Promise<number> {
  const noted = circumstances();
  const figures: Figure[] = [];
  let version: string;
  {
    await using site = await openSite();
    version = site.version;
    for (const [name, measure] of Object.entries(measures()) as [Benchmark, Measure][]) {
      if (options.benchmarks.includes(name)) figures.push(...(await attempted(name, () => measure(site, options))));
    }
  }
  const on = noted(version);
  console.log(options.json ? JSON.stringify({ ...on, figures }, undefined, 2) : table(figures, on));
  if (failures.length > 0) {
    console.error(`Not measured: ${failures.join(', ')}.${options.page ? ' The page was not written.' : ''}`);
    return 1;
  }
  if (options.page) writePage(figures, on);
  if (!options.targets) return 0;
  const missed = figures.filter(misses);
  for (const figure of missed) {
    const { median } = figure.ratio ?? figure.tenancy;
    console.error(
      `Missed: ${figure.name} (${figure.unit}) is ${median.toFixed(2)}, the target is ${targetText(figure)}.`,
    );
  }
  return missed.length > 0 ? 1 : 0;
}

/** The benchmarks in the order in which they run. */
function measures(): Readonly<Record<Benchmark, Measure>> {
  return {
    run: async (site, options) => [await scopes(site, options)],
    reading: (_, options) => reading(options),
    flood,
    idle,
    fleet,
    drift,
    archive,
    connections,
    staleness,
    noise,
    queue: (_, options) => queue(options),
    sqlite: (_, options) => sqlite(options),
    mariadb: (_, options) => ofMariadb(options),
    request: requestPaths,
    peer: (site, options) => peer(site, options, { signal, progress }),
    soak: (site, options) => soak(site, options, { signal, progress }),
  };
}

/** Every isolation in the first circumstance; the cost of a lookup or a pooler does not depend on the isolation. */
async function requestPaths(site: Site, options: BenchOptions): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const isolation of options.isolations) {
    for (const circumstance of options.circumstances) {
      if (
        circumstance === 'signed'
          ? isolation !== 'row'
          : circumstance !== 'usual' && isolation !== options.isolations[0]
      )
        continue;
      const measure = () => requestPath(site, { isolation, circumstance }, options, { signal, progress });
      figures.push(...(await attempted(`request path, ${isolation}, ${circumstance}`, measure)));
    }
  }
  return figures;
}

async function scopes(site: Site, { rounds, scopes }: BenchOptions): Promise<Figure> {
  progress('run: enters scopes');
  await using worker = startWorker<ScopesCalls>(new URL('scopes.ts', import.meta.url), { signal });
  const measured = await worker.call('measure', { database: await site.createDatabase(), rounds: rounds * 2, scopes });
  return compared({ name: 'run: a scope and its EntityManager', unit: 'µs' }, measured);
}

async function sqlite({ fleet, rounds, scopes }: BenchOptions): Promise<Figure[]> {
  progress(`sqlite: makes ${fleet} files, changes and reads them`);
  await using worker = startWorker<SqliteCalls>(new URL('sqlite.ts', import.meta.url), { signal });
  const { made, changed, reads } = await worker.call('measure', { tenants: fleet, rounds, reads: scopes / 20 });
  const many = { tenants: fleet * 10, openFiles: 20 };
  progress(`sqlite: visits ${many.tenants} files, ${many.openFiles} at a time`);
  await using visitor = startWorker<SqliteCalls>(new URL('sqlite.ts', import.meta.url), { signal });
  const { descriptors, cold } = await visitor.call('many', many);
  const visited = `sqlite: ${many.tenants} files, ${many.openFiles} at a time`;
  return [
    // A file in use has two handles, of three descriptors each; files that have just become idle are closed with the next one.
    { name: visited, unit: 'descriptors at most', tenancy: spreadOf([descriptors]), target: { most: 400 } },
    { name: visited, unit: 'ms a closed file', tenancy: spreadOf([cold]) },
    { name: 'sqlite: a new tenant', unit: 'ms', tenancy: spreadOf([made]), target: { most: 1 } },
    { name: `sqlite: a change in ${fleet} files`, unit: 'ms', tenancy: spreadOf([changed]) },
    compared({ name: 'sqlite: a scope and six reads', unit: 'a second', target: { least: 0.95 } }, reads),
  ];
}

async function ofMariadb({ fleet, rounds, scopes, profile }: BenchOptions): Promise<Figure[]> {
  const prefix = `omni_test_${randomBytes(4).toString('hex')}_`;
  const server = await mariadb();
  const run = await openMariadbRun(prefix);
  try {
    progress(`mariadb: makes ${fleet} tenants, changes and reads them`);
    const flags = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
    await using worker = startWorker<MariadbCalls>(new URL('mariadb.ts', import.meta.url), { signal, flags });
    const asked = { tenants: fleet, asked: 10, rounds, reads: scopes / 50 };
    const { made, changed, reads, one } = await worker.call('measure', {
      ...asked,
      url: server.url,
      dbName: `${prefix}bench`,
    });
    const about = (whose: string) => ({
      name: `mariadb: a scope and six reads, ${whose}`,
      unit: 'a second',
      target: { least: 0.9 },
    });
    return [
      { name: 'mariadb: a new tenant', unit: 'ms', tenancy: spreadOf([made]) },
      { name: `mariadb: a change in ${fleet} databases`, unit: 'ms', tenancy: spreadOf([changed]) },
      compared(about('of one tenant'), one),
      compared(about(`of ${Math.min(asked.asked, fleet)} tenants in turn`), reads),
    ];
  } finally {
    // What was made there is left to it.
    await run?.end().catch(() => {});
    await server.stop();
  }
}

async function idle(site: Site, { idleTenants }: BenchOptions): Promise<Figure[]> {
  progress(`idle: looks up ${idleTenants} tenants`);
  const flags = ['--expose-gc'];
  await using worker = startWorker<IdleCalls>(new URL('idle.ts', import.meta.url), { signal, flags });
  const { heap, sockets } = await worker.call('measure', {
    database: await site.createDatabase(),
    tenants: idleTenants,
  });
  const name = `idle: ${idleTenants} tenants looked up`;
  return [
    { name, unit: 'bytes of heap each', tenancy: spreadOf([Math.round(heap)]), target: { most: 8_192 } },
    { name, unit: 'sockets, all together', tenancy: spreadOf([sockets]), target: { most: 0 } },
  ];
}

async function fleet(site: Site, options: BenchOptions): Promise<Figure[]> {
  const quick = options.fleet < 100;
  await using worker = startWorker<FleetCalls>(new URL('fleet.ts', import.meta.url), { signal });
  const rounds = async (about: string, count: number, measure: () => Promise<Round>): Promise<Round[]> => {
    const measured: Round[] = [];
    for (let round = 1; round <= count; round += 1) {
      progress(`fleet, ${about}: round ${round} of ${count}`);
      measured.push(await measure());
    }
    return measured;
  };
  const count = quick ? 2 : options.rounds;
  const [schemas, databases] = quick ? [5, 2] : [100, 20];
  const made = await rounds('new schemas', count, async () =>
    worker.call('schemas', { database: await site.createDatabase(), tenants: schemas }),
  );
  const joined = await rounds('new tenants of shared tables', count, async () =>
    worker.call('rows', { database: await site.createDatabase(), tenants: schemas }),
  );
  const copied = await rounds('new databases', Math.min(count, 4), async () =>
    worker.call('databases', { database: await site.createDatabase(), tenants: databases }),
  );
  const asked = { database: await site.createDatabase(), tenants: options.fleet };
  progress(`fleet: makes ${options.fleet} tenants`);
  await worker.call('prepare', asked);
  const changed = await rounds('one change', Math.min(count, 4), () => worker.call('change', asked));
  const nothing: number[] = [];
  for (let round = 0; round < count; round += 1) nothing.push(await worker.call('nothing', asked));
  const many = { database: await site.createDatabase(), tenants: options.fleet * 10 };
  await worker.call('registerAll', many);
  const nothingOfMany: number[] = [];
  for (let round = 0; round < count; round += 1) nothingOfMany.push(await worker.call('nothing', many));
  return [
    compared({ name: 'fleet: a new schema tenant', unit: 'ms', target: { most: 1.25 } }, made),
    compared({ name: 'fleet: a new tenant of shared tables', unit: 'ms', target: { most: 1.5 } }, joined),
    compared({ name: 'fleet: a new database tenant', unit: 'ms', target: { most: 1.25 } }, copied),
    compared({ name: `fleet: a change in ${options.fleet} schemas`, unit: 'ms', target: { most: 2 } }, changed),
    {
      name: `fleet: nothing pending in ${options.fleet}`,
      unit: 'ms',
      tenancy: spreadOf(nothing),
      target: { most: 100 },
    },
    {
      name: `fleet: nothing pending in ${many.tenants}`,
      unit: 'ms',
      tenancy: spreadOf(nothingOfMany),
      target: { most: 100 },
    },
  ];
}

async function drift(site: Site, { fleet, rounds }: BenchOptions): Promise<Figure[]> {
  const tenants = fleet * 10;
  progress(`drift: makes ${tenants} schemas, and compares them`);
  await using worker = startWorker<DriftCalls>(new URL('drift.ts', import.meta.url), { signal });
  const times = await worker.call('measure', { database: await site.createDatabase(), tenants, rounds });
  return [{ name: `drift: ${tenants} schemas compared`, unit: 's', tenancy: spreadOf(times), target: { most: 2 } }];
}

async function archive(site: Site, { rounds, fleet, archivedRows }: BenchOptions): Promise<Figure[]> {
  await using worker = startWorker<ArchiveCalls>(new URL('archive.ts', import.meta.url), { signal });
  const [database, few, many] = [await site.createDatabase(), await site.createDatabase(), await site.createDatabase()];
  progress(`archive: makes a tenant of ${archivedRows} rows, and ${fleet} small ones`);
  await worker.call('prepare', { database, tenants: 1, rows: archivedRows });
  await worker.call('prepare', { database: few, tenants: Math.ceil(fleet / 10), rows: 100 });
  await worker.call('prepare', { database: many, tenants: fleet, rows: 100 });
  const measured: Record<'export' | 'import' | 'small', Round[]> = { export: [], import: [], small: [] };
  const small = Math.ceil(fleet / 10) - 1;
  for (let round = 1; round <= rounds; round += 1) {
    progress(`archive: round ${round} of ${rounds}`);
    measured.export.push(await worker.call('export', { database }));
    measured.import.push(await worker.call('import', { database }));
    const plain = await worker.call('small', { database: few, tenants: small });
    measured.small.push({ plain, tenancy: await worker.call('small', { database: many, tenants: small }) });
  }
  const unit = 'ms of processors';
  const beside = `archive: a small tenant of ${fleet}, by one of ${Math.ceil(fleet / 10)}`;
  return [
    compared({ name: `archive: export of ${archivedRows} rows`, unit, target: { most: 2 } }, measured.export),
    compared({ name: `archive: import of ${archivedRows} rows`, unit }, measured.import),
    compared({ name: beside, unit, target: { most: 1.25 } }, measured.small),
  ];
}

async function connections(site: Site, { databases, schemas, seconds }: BenchOptions): Promise<Figure[]> {
  const budget = Math.min(20, Math.ceil(databases / 4));
  progress(`connections: ${databases} databases over a budget of ${budget}`);
  await using worker = startWorker<ConnectionsCalls>(new URL('connections.ts', import.meta.url), { signal });
  const crowd = { database: await site.createDatabase(), tenants: databases, budget, seconds };
  const { most, served, refused, wrong } = await worker.call('crowd', crowd);
  const name = `connections: ${databases} databases, ${budget} connections`;
  const figures: Figure[] = [
    { name, unit: 'connections at most', tenancy: spreadOf([most]), target: { most: budget } },
    { name, unit: "answers that are another's", tenancy: spreadOf([wrong]), target: { most: 0 } },
    { name, unit: 'requests served a second', tenancy: spreadOf([Math.round(served / seconds)]) },
    { name, unit: 'requests refused', tenancy: spreadOf([refused]) },
  ];
  for (const maxSchemas of [undefined, schemas / 4]) {
    progress(`connections: one reads ${schemas} schemas`);
    const growth = { database: await site.createDatabase(), schemas, ...(maxSchemas && { maxSchemas }) };
    const bytes = await worker.call('growth', growth);
    if (typeof bytes === 'string') progress(`skipped: ${bytes}`);
    else {
      figures.push({
        name: `connections: ${schemas} schemas, ${maxSchemas ?? 'all'} to a connection`,
        unit: 'MB of the largest backend',
        tenancy: spreadOf([bytes / 2 ** 20]),
      });
    }
  }
  return figures;
}

async function staleness(site: Site, { changes }: BenchOptions): Promise<Figure[]> {
  const { url } = await site.createDatabase();
  const inRedis = await redisServer();
  const module = new URL('staleness.ts', import.meta.url);
  await using here = startWorker<StalenessCalls>(module, { signal });
  await using there = startWorker<StalenessCalls>(module, { signal });
  const figures: Figure[] = [];
  const about = { unit: 'ms until the other process sees it', name: 'staleness' };
  try {
    await here.call('prepare', { url, nudge: 'none' });
    const ways: readonly [string, ProcessOptions['nudge'], number][] = [
      ['asked once a second', 'none', 1_500],
      ['nudged by PostgreSQL', 'postgresql', 100],
      ['nudged through Redis', { redis: inRedis.url }, 100],
    ];
    for (const [name, nudge, most] of ways) {
      progress(`staleness, ${name}: ${changes} changes`);
      const options = { url, nudge, changes };
      const [asked, seen] = await Promise.all([here.call('change', options), there.call('watch', options)]);
      await here.call('rename', { url, nudge: 'none' });
      const delays = seen.map((at, n) => at - (asked[n] ?? Number.NaN)).sort((a, b) => a - b);
      figures.push(
        { ...about, name: `staleness: ${name}, median`, tenancy: spreadOf([percentile(delays, 0.5)]) },
        { ...about, name: `staleness: ${name}, p99`, tenancy: spreadOf([percentile(delays, 0.99)]), target: { most } },
      );
    }
    progress('staleness: without the database');
    const trustMs = 3_000;
    const gone = await there.call('gone', { url, trustMs });
    const name = `staleness: database gone, trustMs ${trustMs}`;
    figures.push({ name, unit: 'ms served from memory', tenancy: spreadOf([gone]), target: { most: trustMs } });
  } finally {
    await inRedis.stop();
  }
  return figures;
}

function percentile(sorted: readonly number[], part: number): number {
  return sorted[Math.ceil(part * sorted.length) - 1] ?? Number.NaN;
}

/** The waiting of a quiet tenant beside one that asks for all it can get. */
async function noise(site: Site, { isolations, rounds, seconds }: BenchOptions): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const isolation of isolations) {
    progress(`noise, ${isolation}: a quiet tenant beside 500 slow queries`);
    await using worker = startWorker<NoiseCalls>(new URL('noise.ts', import.meta.url), { signal });
    const asked = { database: await site.createDatabase(), isolation, rounds, seconds };
    const about = { name: `noise, ${isolation}: p99 beside 500 slow queries`, unit: 'ms, plain is alone' };
    figures.push(compared({ ...about, target: { most: 2 } }, await worker.call('measure', asked)));
  }
  return figures;
}

/** What is read of SQL, over texts that are made to take long. */
async function reading({ rounds }: BenchOptions): Promise<Figure[]> {
  progress('reading: texts of 1 MB');
  await using worker = startWorker<ReadingCalls>(new URL('reading.ts', import.meta.url), { signal });
  const { ratio, ms, shape } = await worker.call('measure', { rounds });
  progress(`reading: the worst is ${JSON.stringify(shape)}, repeated`);
  return [
    {
      name: 'reading: 1 MB of the worst text',
      unit: 'times as long for a letter as 256 KB',
      tenancy: spreadOf([ratio]),
      target: { most: 3 },
    },
    { name: 'reading: 1 MB of that text', unit: 'ms for all readings', tenancy: spreadOf([ms]) },
  ];
}

/** The lookup of a tenant that is not in memory, beside a flood of unknown hosts. */
async function flood(site: Site, { tenants, seconds }: BenchOptions): Promise<Figure[]> {
  progress(`flood: looks up ${tenants} tenants`);
  await using worker = startWorker<FloodCalls>(new URL('flood.ts', import.meta.url), { signal });
  const { times, rate, refused } = await worker.call('measure', {
    database: await site.createDatabase(),
    tenants,
    seconds,
  });
  const sorted = times.toSorted((a, b) => a - b);
  const name = 'flood: a tenant looked up beside 20,000 unknown hosts a second';
  return [
    { name, unit: 'ms p50', tenancy: spreadOf([percentile(sorted, 0.5)]) },
    { name, unit: 'ms p99', tenancy: spreadOf([percentile(sorted, 0.99)]), target: { most: 100 } },
    { name: 'flood: unknown hosts', unit: 'a second', tenancy: spreadOf([Math.round(rate)]) },
    { name: 'flood: unknown hosts that were refused', unit: 'altogether', tenancy: spreadOf([refused]) },
  ];
}

async function queue({ rounds, jobs }: BenchOptions): Promise<Figure[]> {
  progress(`queue: ${jobs} jobs, four ways`);
  await using worker = startWorker<QueueCalls>(new URL('queue.ts', import.meta.url), { signal });
  const measured = await worker.call('measure', { rounds: rounds * 2, jobs });
  const about = (name: string, least: number) => ({ name, unit: 'jobs/s, plain is BullMQ', target: { least } });
  return [
    compared(about('queue: jobs that carry their tenant', 0.97), measured),
    compared(
      about('queue: and tenants that take turns', 0.85),
      measured.map(({ plain, fair }) => ({ plain, tenancy: fair })),
    ),
    compared(
      about('queue: and have a limit each', 0.8),
      measured.map(({ plain, limited }) => ({ plain, tenancy: limited })),
    ),
  ];
}

function progress(text: string): void {
  console.error(`… ${text}`);
}
