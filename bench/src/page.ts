import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Figure, misses, targetText } from './figure.ts';
import { type Circumstances, text } from './report.ts';

const docs = join(import.meta.dirname, '..', '..', 'docs');

/** Writes the page of the documentation that shows the figures, and its plot. */
export function writePage(figures: readonly Figure[], on: Circumstances): void {
  mkdirSync(join(docs, 'guide', 'images'), { recursive: true });
  writeFileSync(join(docs, 'guide', 'images', 'benchmark.svg'), plot(figures));
  writeFileSync(join(docs, 'guide', 'benchmark.md'), page(figures, on));
}

const page = (figures: readonly Figure[], on: Circumstances): string => `# Figures

This page shows what tenancy costs, as ratios to a floor. The floor was measured in the same run: plain MikroORM for requests and scopes, SQL as one
message for fleets, and plain BullMQ for queues. This page was written by \`pnpm bench --page\`, on ${on.machine}; Node ${on.node}, PostgreSQL
${on.postgresql}, MikroORM ${on.mikroOrm}; revision ${on.revision}. Server, load and PostgreSQL share that machine. [bench](../../bench/README.md)
says what is measured.

${missedFirst(figures)}

![The ratios, with their targets](images/benchmark.svg)

Median (least – most); a ratio is the median of the rounds' own ratios.

| | unit | tenancy | floor | ratio | target |
| --- | --- | --- | --- | --- | --- |
${figures.map(row).join('\n')}
`;

/** What is not as fast as it should be, before anything that is. */
function missedFirst(figures: readonly Figure[]): string {
  const missed = figures.filter(misses);
  if (missed.length === 0) return 'Every target is met.';
  const of = (figure: Figure): string =>
    `- ${figure.name}: ${text(figure.ratio ?? figure.tenancy, 2)}, the target is ${targetText(figure)}`;
  return `These targets are missed:\n\n${missed.map(of).join('\n')}\n\n${reasons}`;
}

const reasons = `The reasons for what is missed: each statement brings its tenant in messages of its own ([why](../decisions/0003-a-pin-in-messages-of-its-own.md)).
A verb is recorded, holds a lease, and its change is numbered, each in a transaction (why: [the
audit](../decisions/0038-every-verb-is-recorded.md), [leases](../decisions/0022-verbs-exclude-each-other-by-leases.md),
[changes](../decisions/0025-changes-reach-every-process.md)). The queue keeps an index of each tenant's jobs
([why](../decisions/0015-jobs-carry-their-owner.md)).`;

const row = (figure: Figure): string =>
  `| ${[
    figure.name,
    figure.unit,
    text(figure.tenancy),
    figure.plain ? text(figure.plain) : '',
    figure.ratio ? text(figure.ratio, 2) : '',
    targetText(figure) && `${targetText(figure)}${misses(figure) ? ' **missed**' : ''}`,
  ].join(' | ')} |`;

const width = 760;
const left = 330;
/** Room for long labels, left of the plot. */
const labels = 150;
const line = 26;

/** Each ratio as a point between its least and most, on a scale on which twice and half are as far from the floor. */
function plot(figures: readonly Figure[]): string {
  const shown = figures.filter(({ ratio }) => ratio !== undefined);
  const x = (ratio: number): number =>
    left + ((Math.log2(Math.min(4, Math.max(0.25, ratio))) + 2) / 4) * (width - left - 30);
  const height = shown.length * line + 50;
  const scale = [0.25, 0.5, 1, 2, 4].map(
    (ratio) =>
      `<line x1="${x(ratio)}" x2="${x(ratio)}" y1="10" y2="${height - 30}" class="${ratio === 1 ? 'floor' : 'grid'}"/>` +
      `<text x="${x(ratio)}" y="${height - 12}" text-anchor="middle">${ratio === 1 ? 'floor' : `${ratio}×`}</text>`,
  );
  const rows = shown.map((figure, n) => {
    const y = 10 + n * line + line / 2;
    const { median = 1, min = 1, max = 1 } = figure.ratio ?? {};
    const bound = boundOf(figure);
    return (
      `<text x="${left - 12}" y="${y + 4}" text-anchor="end">${escaped(`${figure.name}, ${figure.unit}`)}</text>` +
      (bound === undefined
        ? ''
        : `<line x1="${x(bound)}" x2="${x(bound)}" y1="${y - 9}" y2="${y + 9}" class="target"/>`) +
      `<line x1="${x(min)}" x2="${x(max)}" y1="${y}" y2="${y}" class="spread"/>` +
      `<circle cx="${x(median)}" cy="${y}" r="5" class="${misses(figure) ? 'missed' : 'met'}"/>`
    );
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${-labels} 0 ${width + labels} ${height}" role="img" aria-label="Ratios to the floor">
<style>
text { font: 12px system-ui, sans-serif; fill: #57606a } .grid { stroke: #d0d7de } .floor { stroke: #57606a }
.spread { stroke: #8c959f; stroke-width: 3 } .target { stroke: #9a6700; stroke-width: 2 } .met { fill: #1a7f37 } .missed { fill: #cf222e }
@media (prefers-color-scheme: dark) { text { fill: #9198a1 } .grid { stroke: #3d444d } .floor { stroke: #9198a1 } }
</style>
${[...scale, ...rows].join('\n')}
</svg>
`;
}

function boundOf({ target }: Figure): number | undefined {
  if (target === undefined) return undefined;
  return 'least' in target ? target.least : target.most;
}

const escaped = (value: string): string => value.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
