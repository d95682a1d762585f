import type { Permission } from '../../src/operator.ts';
import type { FleetSummary } from '../../src/schemas/fleet.ts';
import type { TenantDetail } from '../../src/schemas/tenant.ts';
import { apiUrl, useGet } from '../api.ts';
import { edit, textOf } from '../edit.ts';
import { AuditList } from '../parts/audit-list.tsx';
import { Status, Version } from '../parts/badge.tsx';
import { ask } from '../parts/dialog.tsx';
import { Facts } from '../parts/facts.tsx';
import { count, When } from '../parts/format.tsx';
import { Runs } from '../parts/runs.tsx';
import { Panel, Show } from '../parts/states.tsx';
import { href } from '../router.ts';
import { questionOf, type Verb, verbs } from '../verbs.ts';
import { Domains } from './domains.tsx';
import { UsagePanel } from './usage.tsx';

/** One tenant: who it is, where its data is, what has been done to it, and what can be. */
export function TenantPlace({ id, may }: { id: string; may: readonly Permission[] }) {
  const tenant = useGet<TenantDetail>(apiUrl(`tenants/${encodeURIComponent(id)}`), 15_000);
  const latest = useGet<FleetSummary>(apiUrl('fleet')).value?.latest ?? null;
  return (
    <>
      <p class="crumb">
        <a href={href()}>Fleet</a> / {id}
      </p>
      <Show of={tenant}>
        {(value) => (
          <>
            <header class="title">
              <h1>{value.name}</h1>
              <Status status={value.status} />
              <p class="quiet mono">{value.id}</p>
            </header>
            <div class="grid side">
              <div>
                <About tenant={value} latest={latest} may={may} />
                <Domains tenant={value} may={may} />
                <Jobs id={id} />
                <UsagePanel tenant={id} />
                <Panel title="Operations">
                  <Runs tenant={id} />
                </Panel>
                <History id={id} />
              </div>
              <Verbs tenant={value} may={may} />
            </div>
          </>
        )}
      </Show>
    </>
  );
}

function About({ tenant, latest, may }: { tenant: TenantDetail; latest: string | null; may: readonly Permission[] }) {
  const { isolation, placement, version, createdAt, updatedAt, retainUntil, config, columns } = tenant;
  const change = may.includes('operate') && (
    <button type="button" onClick={() => ask(edit(tenant))}>
      Edit
    </button>
  );
  return (
    <Panel title="About" aside={change}>
      <Facts
        of={{
          Isolation: isolation,
          Server: placement.server,
          Database: placement.database,
          Schema: placement.schema,
          Version: <Version version={version} latest={latest} />,
          Created: <When at={createdAt} />,
          Changed: <When at={updatedAt} />,
          'Kept until': retainUntil && <When at={retainUntil} />,
        }}
      />
      {/* Apart from what is known of each tenant: a setting may have any name. */}
      {[columns, config].map((own, n) => Object.keys(own).length > 0 && <Facts key={n} of={textsOf(own)} />)}
    </Panel>
  );
}

const textsOf = (own: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(own).map(([name, value]) => [name, textOf(value)]));

/** The tenant's jobs, where the application has queues. */
function Jobs({ id }: { id: string }) {
  const { value } = useGet<{ queues: { name: string; counts: Record<string, number> }[] }>(
    apiUrl(`tenants/${encodeURIComponent(id)}/queues`),
  );
  if (!value?.queues.length) return null;
  return (
    <Panel title="Jobs">
      <ul class="rows">
        {value.queues.map(({ name, counts }) => (
          <li key={name}>
            <b>{name}</b>
            {Object.entries(counts).map(([state, jobs]) => (
              <span key={state} class={`tag ${state === 'failed' && jobs > 0 ? 'bad' : ''}`}>
                {state} {count(jobs)}
              </span>
            ))}
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function History({ id }: { id: string }) {
  const more = <a href={`${href('audit')}?tenant=${encodeURIComponent(id)}`}>Show all</a>;
  return (
    <Panel title="History" aside={more}>
      <AuditList tenant={id} limit={8} />
    </Panel>
  );
}

function Verbs({ tenant, may }: { tenant: TenantDetail; may: readonly Permission[] }) {
  const possible = verbs.filter(({ from }) => from.includes(tenant.status));
  const lists: [string, Verb[]][] = [
    ['Actions', possible.filter(({ needs }) => needs === 'operate')],
    ['Danger zone', possible.filter(({ needs }) => needs === 'destroy')],
  ];
  return (
    <aside>
      {lists.map(([title, list]) => (
        <Panel key={title} title={title}>
          <ul class={`verbs ${title === 'Actions' ? '' : 'dangerous'}`}>
            {list.map((verb) => (
              <li key={verb.label}>
                <button
                  type="button"
                  class={verb.needs === 'destroy' ? 'danger' : ''}
                  disabled={!may.includes(verb.needs)}
                  onClick={() => ask(questionOf(verb, tenant, may))}
                >
                  {verb.label}
                </button>
                <p>{verb.says}</p>
              </li>
            ))}
          </ul>
          {list.some(({ needs }) => !may.includes(needs)) && <p class="quiet empty">You may not do this.</p>}
        </Panel>
      ))}
    </aside>
  );
}
