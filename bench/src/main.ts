import type { ConnectionsCalls } from './connections.ts';
import { compared, type Figure, misses, type Round, spreadOf, targetText } from './figure.ts';
import type { FleetCalls } from './fleet.ts';
import type { IdleCalls } from './idle.ts';
import { type BenchOptions, readOptions, usage } from './options.ts';
import { writePage } from './page.ts';
import type { QueueCalls } from './queue.ts';
import { circumstances, table } from './report.ts';
import { requestPath } from './request-path.ts';
import type { ScopesCalls } from './scopes.ts';
import { openSite, type Site } from './site.ts';
import { startWorker } from './worker.ts';

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

async function main(options: BenchOptions): Promise<number> {
  const noted = circumstances();
  const figures: Figure[] = [];
  let version: string;
  {
    await using site = await openSite();
    version = site.version;
    if (options.benchmarks.includes('run')) figures.push(await scopes(options));
    if (options.benchmarks.includes('idle')) figures.push(...(await idle(site, options)));
    if (options.benchmarks.includes('fleet')) figures.push(...(await fleet(site, options)));
    if (options.benchmarks.includes('connections')) figures.push(...(await connections(site, options)));
    if (options.benchmarks.includes('queue')) figures.push(...(await queue(options)));
    if (options.benchmarks.includes('request')) figures.push(...(await requestPaths(site, options)));
  }
  const on = noted(version);
  console.log(options.json ? JSON.stringify({ ...on, figures }, undefined, 2) : table(figures, on));
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
      figures.push(...(await requestPath(site, { isolation, circumstance }, options, { signal, progress })));
    }
  }
  return figures;
}

async function scopes({ rounds, scopes }: BenchOptions): Promise<Figure> {
  progress('run: enters scopes');
  await using worker = startWorker<ScopesCalls>(new URL('scopes.ts', import.meta.url), { signal });
  const measured = await worker.call('measure', { rounds: rounds * 2, scopes });
  return compared({ name: 'run: a scope and its EntityManager', unit: 'µs' }, measured);
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

async function queue({ rounds, jobs }: BenchOptions): Promise<Figure[]> {
  progress(`queue: ${jobs} jobs, three ways`);
  await using worker = startWorker<QueueCalls>(new URL('queue.ts', import.meta.url), { signal });
  const measured = await worker.call('measure', { rounds: rounds * 2, jobs });
  const about = (name: string, least: number) => ({ name, unit: 'jobs/s, plain is BullMQ', target: { least } });
  return [
    compared(about('queue: jobs that carry their tenant', 0.95), measured),
    compared(
      about('queue: and tenants that take turns', 0.8),
      measured.map(({ plain, fair }) => ({ plain, tenancy: fair })),
    ),
  ];
}

function progress(text: string): void {
  console.error(`… ${text}`);
}
