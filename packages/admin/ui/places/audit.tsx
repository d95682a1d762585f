import { apiUrl } from '../api.ts';
import { AuditList } from '../parts/audit-list.tsx';
import { Panel } from '../parts/states.tsx';
import { replace, route, withQuery } from '../router.ts';

/** Everything that was done to tenants, by whom and why. */
export function AuditPlace() {
  const tenant = route.value.query.get('tenant') ?? undefined;
  return (
    <>
      <header class="title">
        <h1>Audit</h1>
        <p class="quiet">Append-only: PostgreSQL refuses to change or delete an entry.</p>
        <a class="button" href={apiUrl('audit.ndjson', { tenant })} download="audit.ndjson">
          Export NDJSON
        </a>
      </header>
      <Panel
        title={tenant ? `Of ${tenant}` : 'All tenants'}
        aside={
          <input
            type="search"
            aria-label="Only of the tenant with this id"
            placeholder="Tenant’s id"
            defaultValue={tenant ?? ''}
            onChange={(event) => replace(withQuery('tenant', event.currentTarget.value.trim()))}
          />
        }
      >
        <AuditList tenant={tenant} limit={50} paged />
      </Panel>
    </>
  );
}
