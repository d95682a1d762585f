import type { Permission } from '../../src/operator.ts';
import type { FleetSummary } from '../../src/schemas/fleet.ts';
import type { TenantSummary } from '../../src/schemas/tenant.ts';
import { apiUrl, useGet, usePages } from '../api.ts';
import { useSettled } from '../palette.tsx';
import { Status, Version } from '../parts/badge.tsx';
import { Bars, Shares } from '../parts/bars.tsx';
import { ask } from '../parts/dialog.tsx';
import { Figures } from '../parts/facts.tsx';
import { count, When } from '../parts/format.tsx';
import { ErrorNote, Panel, Show } from '../parts/states.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { adoption, importing, newTenant } from '../questions.ts';
import { href, replace, route, withQuery } from '../router.ts';
import { Attention } from './attention.tsx';

const filters = ['status', 'isolation', 'server', 'version'] as const;

/** All tenants: how many of which kind, who needs attention, and the search. */
export function FleetPlace({ may }: { may: readonly Permission[] }) {
  const fleet = useGet<FleetSummary>(apiUrl('fleet'), 15_000);
  return (
    <>
      <header class="title">
        <h1>Fleet</h1>
        <p class="actions">
          {may.includes('destroy') && (
            <>
              <button type="button" onClick={() => ask(adoption)}>
                Adopt
              </button>
              <button type="button" onClick={() => ask(importing)}>
                Import
              </button>
            </>
          )}
          {may.includes('operate') && (
            <button type="button" class="primary" onClick={() => ask(newTenant)}>
              New tenant
            </button>
          )}
        </p>
      </header>
      <Show of={fleet}>{(value) => <Summary {...value} />}</Show>
      <TenantList latest={fleet.value?.latest ?? null} />
    </>
  );
}

function Summary(fleet: FleetSummary) {
  const { total, status, behind, isolation, server, version, latest } = fleet;
  return (
    <div class="grid two">
      <div>
        <Panel title="Status">
          <Figures
            of={{ Tenants: total, Active: status['active'] ?? 0, Behind: behind, Failed: status['failed'] ?? 0 }}
            warns={['Behind', 'Failed']}
          />
          <Shares counts={status} />
        </Panel>
        <div class="grid halves">
          <Panel title="Isolation">
            <Bars counts={isolation} filter="isolation" />
          </Panel>
          <Panel title="Server">
            <Bars counts={server} filter="server" />
          </Panel>
        </div>
      </div>
      <div>
        <Attention {...fleet} />
        <Panel title="Version">
          <Bars counts={version} filter="version" mark={(name) => (name === latest ? 'latest' : undefined)} />
        </Panel>
      </div>
    </div>
  );
}

function TenantList({ latest }: { latest: string | null }) {
  const { query } = route.value;
  const search = query.get('search') ?? '';
  const wanted = Object.fromEntries(filters.map((name) => [name, query.get(name) ?? undefined]));
  const url = apiUrl('tenants', { ...wanted, search: useSettled(search), limit: '50' });
  const { items, isLoaded, error, loadMore } = usePages<'tenants', TenantSummary>(url, 'tenants');
  return (
    <Panel
      title="Tenants"
      aside={
        <input
          type="search"
          aria-label="Search tenants"
          placeholder="Search by id, name or domain"
          value={search}
          onInput={(event) => replace(withQuery('search', event.currentTarget.value))}
        />
      }
    >
      <p class="chips">
        {filters.map(
          (name) =>
            wanted[name] && (
              <a key={name} class="chip" href={withQuery(name, undefined)} aria-label={`Remove the filter ${name}`}>
                {name} <b>{wanted[name]}</b> ×
              </a>
            ),
        )}
      </p>
      {error && <ErrorNote error={error} />}
      <Table label="Tenants" kind="list" columns={columnsOf(latest)} rows={items} keyOf={({ id }) => id} />
      {isLoaded && items.length === 0 && <p class="quiet empty">No tenant matches.</p>}
      <footer class="more">
        <span class="quiet">{isLoaded && `${count(items.length)} shown`}</span>
        {loadMore && (
          <button type="button" onClick={loadMore}>
            Show more
          </button>
        )}
        <span class="quiet hint">
          <kbd>j</kbd> <kbd>k</kbd> to move, <kbd>Enter</kbd> to open
        </span>
      </footer>
    </Panel>
  );
}

const columnsOf = (latest: string | null): Column<TenantSummary>[] => [
  {
    title: 'Tenant',
    cell: ({ id, name }) => (
      <a data-row href={href('tenants', id)}>
        <b>{name}</b> <small>{id}</small>
      </a>
    ),
  },
  { title: 'Status', cell: ({ status }) => <Status status={status} /> },
  { title: 'Isolation', cell: ({ isolation }) => isolation },
  { title: 'Where', cell: ({ placement }) => <span class="mono">{whereOf(placement)}</span> },
  { title: 'Version', cell: ({ version }) => <Version version={version} latest={latest} /> },
  { title: 'Changed', class: 'quiet', cell: ({ updatedAt }) => <When at={updatedAt} /> },
];

function whereOf({ server, database }: TenantSummary['placement']): string {
  return [server === 'default' ? undefined : server, database].filter(Boolean).join(' / ');
}
