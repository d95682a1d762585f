import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { type Figure, misses, type Spread, targetText } from './figure.ts';

/** What the figures were measured on. */
export interface Circumstances {
  readonly machine: string;
  readonly node: string;
  readonly postgresql: string;
  readonly mikroOrm: string;
  readonly revision: string;
  /** Of the last minute, before and after. */
  readonly load: readonly [number, number];
}

const load = (): number => Number((loadavg()[0] ?? 0).toFixed(1));

/** Takes note of the circumstances now; the function that it returns completes them. */
export function circumstances(): (postgresql: string) => Circumstances {
  const before = load();
  return (postgresql) => ({
    machine: `${availableParallelism()} × ${cpus()[0]?.model.trim() ?? '?'}, ${(totalmem() / 2 ** 30).toFixed(0)} GB`,
    node: process.versions.node,
    postgresql,
    mikroOrm: versionOf('@mikro-orm/core'),
    revision: revision(),
    load: [before, load()],
  });
}

export function table(figures: readonly Figure[], on: Circumstances): string {
  const rows = figures.map((figure) => [
    figure.name,
    figure.unit,
    text(figure.tenancy),
    figure.plain ? text(figure.plain) : '',
    figure.ratio ? text(figure.ratio, 2) : '',
    targetText(figure) && `${targetText(figure)}${misses(figure) ? ' missed' : ''}`,
  ]);
  const all = [['', '', 'tenancy', 'floor', 'ratio', 'target'], ...rows];
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? [];
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [
    `${on.machine}; Node ${on.node}, PostgreSQL ${on.postgresql}, MikroORM ${on.mikroOrm}; revision ${on.revision}; load ${on.load.join(' → ')}`,
    'median (least – most); the ratio is the median of the rounds’ own ratios',
    '',
    ...all.map(line),
  ].join('\n');
}

export function text({ median, min, max }: Spread, digits = median < 100 ? 2 : 0): string {
  if (min === max) return median.toFixed(Number.isInteger(median) ? 0 : digits);
  return `${median.toFixed(digits)} (${min.toFixed(digits)} – ${max.toFixed(digits)})`;
}

function versionOf(library: string): string {
  const file = createRequire(import.meta.url).resolve(`${library}/package.json`);
  return JSON.parse(readFileSync(file, 'utf8')).version;
}

function revision(): string {
  try {
    const git = (...args: string[]) =>
      execFileSync('git', args, {
        cwd: import.meta.dirname,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim();
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') === '' ? '' : ', changed');
  } catch {
    return 'unknown';
  }
}
