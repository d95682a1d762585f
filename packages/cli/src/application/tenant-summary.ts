import type { Tenant, TenantStatus } from '@omnitenant/core';
import { masked } from '../terminal/masked.ts';
import { paint, plain, type Style } from '../terminal/output.ts';

/** A tenant without its config and the application's own columns, which may hold credentials; a sealed URL is masked. */
export function summaryOf({ id, name, status, isolation, placement, retainUntil, createdAt, updatedAt }: Tenant) {
  const retention = retainUntil ? { retainUntil } : {};
  return { id, name, status, isolation, placement: masked(placement), ...retention, createdAt, updatedAt };
}

/** Says what was done with a tenant, and what the tenant is now. */
export function outcome(done: string, tenant: Tenant): string {
  const { id, name, status, isolation } = tenant;
  return `${paint('green', done)} "${id}": ${plain(name)}, ${status}, ${isolation} ${placementLabel(tenant)}`;
}

/** What is deleted when a tenant is removed. */
export function removalWarning(tenant: Tenant): string {
  const storage = storages[tenant.isolation] ?? 'all data in';
  const adopted = tenant.isolation === 'row' ? '' : ' (unless it was adopted)';
  return `This permanently deletes "${plain(tenant.name)}" and ${storage} ${placementLabel(tenant)}${adopted}.`;
}

/** What is left where it is when a tenant is removed and its storage kept. */
export function keepingWarning(tenant: Tenant): string {
  const storage = storages[tenant.isolation] ?? 'all data in';
  return `This deletes "${plain(tenant.name)}", and keeps ${storage} ${placementLabel(tenant)}, which no tenant reaches until it is adopted.`;
}

const storages: Readonly<Record<string, string>> = {
  schema: 'its schema',
  database: 'its database',
  row: 'its rows in',
};

/** Where a tenant's rows are, in one word: `eu/tenant_acme`, `app.t_acme`. */
export function placementLabel({ isolation, placement }: Tenant): string {
  const { server, database, schema } = placement;
  const place = isolation === 'database' ? database : [database, schema].filter(Boolean).join('.');
  return [server === 'default' ? undefined : server, place].filter(Boolean).join('/');
}

const styles: Readonly<Record<TenantStatus, Style>> = {
  active: 'green',
  provisioning: 'cyan',
  suspended: 'yellow',
  maintenance: 'yellow',
  archived: 'dim',
  removing: 'red',
  failed: 'red',
};

/** The color of a status. */
export function styleOf({ status }: Pick<Tenant, 'status'>): Style {
  return styles[status];
}

/** Every status. */
export const statuses = Object.keys(styles) as readonly TenantStatus[];

/** A count of tenants with the first few ids: `3 tenants (acme, bloom, cobalt)`. */
export function someTenants(ids: readonly string[], count: number = ids.length): string {
  const some = ids.slice(0, 5);
  const more = count > some.length ? ', …' : '';
  return `${count === 1 ? '1 tenant' : `${count} tenants`} (${some.join(', ')}${more})`;
}
