import { compared, type Figure, misses, spreadOf, targetText } from './figure.ts';
import type { IdleCalls } from './idle.ts';
import { type BenchOptions, readOptions, usage } from './options.ts';
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
    if (options.benchmarks.includes('request')) {
      for (const isolation of options.isolations) {
        figures.push(...(await requestPath(site, isolation, options, { signal, progress })));
      }
    }
  }
  const on = noted(version);
  console.log(options.json ? JSON.stringify({ ...on, figures }, undefined, 2) : table(figures, on));
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

function progress(text: string): void {
  console.error(`… ${text}`);
}
