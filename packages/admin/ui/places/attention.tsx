import type { ComponentChildren } from 'preact';
import type { ClaimList } from '../../src/schemas/domain.ts';
import type { Connections, FleetSummary } from '../../src/schemas/fleet.ts';
import type { TenantSummary } from '../../src/schemas/tenant.ts';
import { apiUrl, useGet } from '../api.ts';
import { count, plural, When } from '../parts/format.tsx';
import { ErrorNote, Panel } from '../parts/states.tsx';
import { href } from '../router.ts';

type Note = [kind: string, to: string, name: string, detail?: ComponentChildren];

const stuck = ['failed', 'removing', 'provisioning'] as const;

/** What an operator looks at first: tenants that are stuck or behind, and servers that make requests wait. */
export function Attention({ status, behind }: FleetSummary) {
  const first = stuck.find((name) => status[name]) ?? 'failed';
  const tenants = useGet<{ tenants: TenantSummary[] }>(apiUrl('tenants', { status: first, limit: '4' }));
  const connections = useGet<Connections>(apiUrl('connections'), 5_000);
  const claims = useGet<ClaimList>(apiUrl('domain-claims', { state: 'failing', limit: '4' }));
  const loads = [tenants, connections, claims];
  const isLoaded = loads.every(({ value }) => value !== undefined);
  const shown = tenants.value?.tenants ?? [];
  const rest = stuck.reduce((sum, name) => sum + (status[name] ?? 0), 0) - shown.length;
  const notes: Note[] = shown.map((tenant) => [
    tenant.status,
    href('tenants', tenant.id),
    tenant.name,
    <When key="at" at={tenant.updatedAt} />,
  ]);
  if (isLoaded && rest > 0) notes.push(['stuck', `${href()}?status=${first}`, plural(rest, 'more tenant')]);
  if (behind > 0) notes.push(['behind', href('migrations'), plural(behind, 'tenant'), 'pending migrations']);
  for (const { tenant, host } of claims.value?.claims ?? []) {
    notes.push(['domain', href('tenants', tenant), host, 'not proved any more']);
  }
  for (const [name, { waiting, heldBack }] of Object.entries(connections.value?.servers ?? {})) {
    const detail = `${count(waiting)} waiting, ${count(heldBack)} over their share`;
    if (waiting + heldBack > 0) notes.push(['noisy', href('connections'), name, detail]);
  }
  return (
    <Panel title="Needs attention">
      {loads.map(({ error, url }) => error && <ErrorNote key={url} error={error} />)}
      {isLoaded && notes.length === 0 && (
        <p class="quiet">Nothing. All tenants have what the code has, and no request waits.</p>
      )}
      <ul class="attention">
        {notes.map(([kind, to, name, detail]) => (
          <li key={to + name}>
            <a href={to}>
              <span class={`tag ${['behind', 'noisy'].includes(kind) ? 'warn' : 'bad'}`}>{kind}</span>
              <b>{name}</b>
              <small>{detail}</small>
            </a>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
