import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { count } from './format.tsx';
import { Table } from './table.tsx';
import { tone } from './tone.ts';

interface Series {
  readonly label: string;
  /** The number of the colour in the style sheet. */
  readonly color: 1 | 2 | 3 | 4;
  readonly values: readonly number[];
  readonly dashed?: boolean;
}

const formats = {
  second: new Intl.DateTimeFormat('en', { timeStyle: 'medium', hourCycle: 'h23' }),
  day: new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeZone: 'UTC' }),
};
const short = new Intl.NumberFormat('en', { notation: 'compact' });
const daySeconds = 86_400;
const dark = matchMedia('(prefers-color-scheme: dark)');

interface Charted {
  readonly title: string;
  /** What is between two times at least. */
  readonly step?: 'second' | 'day';
  readonly times: readonly number[];
  readonly series: readonly Series[];
}

/** Lines over time, with the same numbers as a table. `times` are seconds since 1970. */
export function Chart({ title, step = 'second', times, series }: Charted) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const data = [times, ...series.map(({ values }) => values)] as unknown as uPlot.AlignedData;
  const latest = useRef(data);
  latest.current = data;
  const labels = series.map(({ label }) => label).join();

  useEffect(() => {
    const node = place.current;
    if (!node) return;
    const draw = () => {
      plot.current?.destroy();
      plot.current = new uPlot(options(node, series, step), latest.current, node);
    };
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: node.clientWidth, height: 180 }));
    draw();
    resized.observe(node);
    dark.addEventListener('change', draw);
    return () => {
      resized.disconnect();
      dark.removeEventListener('change', draw);
      plot.current?.destroy();
    };
  }, [labels]);
  useEffect(() => plot.current?.setData(data), [times.length, times.at(-1)]);

  return (
    <figure class="chart">
      <figcaption>
        <span>{title}</span>
        {series.map(({ label, color, values }) => (
          <span key={label} class="key">
            <i style={tone(`c${color}`)} /> {label} <b>{count(values.at(-1) ?? 0)}</b>
          </span>
        ))}
      </figcaption>
      <div ref={place} class="plot" aria-hidden="true" />
      <NumbersTable times={times} series={series} title={title} step={step} />
    </figure>
  );
}

function NumbersTable({ title, step = 'second', times, series }: Charted) {
  const last = times
    .map((_, index) => index)
    .slice(-31)
    .reverse();
  const time = (index: number) => formats[step].format((times[index] ?? 0) * 1000);
  const numbers = series.map(({ label, values }) => ({
    title: label,
    cell: (index: number) => count(values[index] ?? 0),
  }));
  return (
    <details>
      <summary>As a table</summary>
      <Table
        label={title}
        kind="numbers"
        columns={[{ title: 'Time', cell: time }, ...numbers]}
        rows={last}
        keyOf={(index) => times[index] ?? 0}
      />
    </details>
  );
}

function options(node: HTMLElement, series: readonly Series[], step: 'second' | 'day'): uPlot.Options {
  const style = getComputedStyle(node);
  const token = (name: string) => style.getPropertyValue(name).trim();
  const axis: uPlot.Axis = {
    stroke: token('--quiet'),
    font: `11px ${token('--font')}`,
    grid: { stroke: token('--line'), width: 1 },
    ticks: { show: false },
  };
  const isDays = step === 'day';
  const [shortest, margin] = isDays ? [13.5 * daySeconds, daySeconds / 2] : [120, 0];
  return {
    width: node.clientWidth,
    height: 180,
    legend: { show: false },
    cursor: { y: false, points: { size: 6 } },
    scales: {
      x: { range: (_plot, low, high) => [Math.min(low - margin, high - shortest), high + margin] },
      y: { range: (_plot, _low, high) => [0, Math.max(4, Math.ceil(high * 1.1))] },
    },
    axes: [
      { ...axis, values: isDays ? '{D} {MMM}' : '{HH}:{mm}:{ss}', space: 90, size: 28 },
      {
        ...axis,
        size: 52,
        values: (_plot, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? short.format(tick) : '')),
      },
    ],
    ...(isDays && { tzDate: (seconds: number) => uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC') }),
    series: [
      {},
      ...series.map(({ label, color, dashed }) => ({
        label,
        stroke: token(`--c${color}`),
        width: 1.75,
        points: { show: false },
        ...(dashed && { dash: [4, 4] }),
        ...(isDays && {
          fill: token(`--c${color}`),
          paths: uPlot.paths.bars?.({ size: [0.6, 24] }) as uPlot.Series.PathBuilder,
        }),
      })),
    ],
  };
}
