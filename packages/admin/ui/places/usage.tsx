import type { UsageReport } from '../../src/schemas/usage.ts';
import { apiUrl, useGet } from '../api.ts';
import { Chart } from '../parts/chart.tsx';
import { bytes, count } from '../parts/format.tsx';
import { Panel, Show } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { href, replace, route, withQuery } from '../router.ts';

const kinds = {
  milliseconds: 'Time in the database, ms',
  statements: 'Statements',
  rows: 'Rows',
  jobs: 'Jobs',
  cacheBytes: 'Bytes to the cache',
} as const;
type Kind = keyof typeof kinds;

const amount = (kind: Kind, value: number) => (kind === 'cacheBytes' && value > 0 ? bytes(value) : count(value));

/** What all tenants have used, and who has used the most. */
export function UsagePlace() {
  return (
    <>
      <header class="title">
        <h1>Usage</h1>
        <p class="quiet">Of the last 30 days, in UTC, as all processes have counted it.</p>
      </header>
      <UsagePanel />
    </>
  );
}

/** What a tenant has used, or all tenants together: each day, and those who have used the most. */
export function UsagePanel({ tenant }: { tenant?: string }) {
  const asked = route.value.query.get('by');
  const by = asked && asked in kinds ? (asked as Kind) : 'milliseconds';
  const storage = tenant === undefined ? undefined : 'true';
  const usage = useGet<UsageReport>(apiUrl('usage', { tenant, by, storage }), 60_000);
  const choice = (
    <select
      aria-label="What is shown"
      value={by}
      onChange={(event) => replace(withQuery('by', event.currentTarget.value))}
    >
      {Object.entries(kinds).map(([kind, label]) => (
        <option key={kind} value={kind}>
          {label}
        </option>
      ))}
    </select>
  );
  return (
    <Panel title="Usage" aside={choice}>
      <Show of={usage}>{(report) => <Report report={report} by={by} isFleet={tenant === undefined} />}</Show>
    </Panel>
  );
}

function Report({ report: { days, tenants }, by, isFleet }: { report: UsageReport; by: Kind; isFleet: boolean }) {
  const stored = tenants.find(({ storageBytes }) => storageBytes !== null)?.storageBytes;
  return (
    <>
      {days.length === 0 && <p class="quiet">Nothing was counted. An application counts with the option “usage”.</p>}
      {days.length > 0 && (
        <Chart
          title={kinds[by]}
          step="day"
          times={days.map(({ day }) => Date.parse(day) / 1000)}
          series={[{ label: 'last day', color: 1, values: days.map((day) => day[by]) }]}
        />
      )}
      {stored != null && <p class="quiet">It stores {bytes(stored)} now.</p>}
      {isFleet && tenants.length > 0 && <Most tenants={tenants} by={by} />}
    </>
  );
}

function Most({ tenants, by }: { tenants: UsageReport['tenants']; by: Kind }) {
  const others = (Object.keys(kinds) as Kind[]).filter((kind) => kind !== by);
  const amounts = [by, ...others].map((kind) => ({
    title: kinds[kind],
    class: 'amount-of',
    cell: (each: Used) => amount(kind, each[kind]),
  }));
  return (
    <Table
      label="Who has used the most"
      kind="most"
      columns={[{ title: 'Tenant', cell: named }, ...amounts]}
      rows={tenants}
      keyOf={({ tenant, createdAt }) => tenant + createdAt}
    />
  );
}

type Used = UsageReport['tenants'][number];

const named = ({ tenant }: Used) => (
  <a data-row href={href('tenants', tenant)}>
    {tenant}
  </a>
);
