import type { Tenant, TenantStatus } from '@omnitenant/core';
import type { Isolation } from '@omnitenant/orm';
import { UsageError } from '../terminal/failure.ts';
import type { Style } from '../terminal/output.ts';
import type { OmnitenantConfig } from './config.ts';

type Tenants = OmnitenantConfig['tenancy']['tenants'];

/** The tenants that are named, or `undefined` for all of them: one of the two has to be said. */
export function namedOrAll(named: readonly string[], all: true | undefined): readonly string[] | undefined {
  if (all ? named.length === 0 : named.length > 0) return all ? undefined : named;
  throw new UsageError("Say which tenants: their ids, a pattern such as 'acme-*' in quotes, or --all.");
}

/** Central alone is meant: nobody is named beside it. */
export function nobodyBesides(named: readonly string[], all?: true): readonly string[] {
  if (named.length === 0 && !all) return [];
  throw new UsageError('--central means central alone here: leave the tenants away.');
}

/** @throws TENANT_UNKNOWN for an id that no tenant has; UsageError for a tenant whose storage is not whole. */
export async function requireMigratable(tenants: Tenants, named: readonly string[] = []): Promise<void> {
  for (const id of named.filter((name) => !name.includes('*'))) {
    const { status } = await tenants.get(id);
    if (!(unwhole as readonly string[]).includes(status)) continue;
    const remedy = status === 'removing' ? `omnitenant remove ${id}` : `omnitenant repair ${id}`;
    throw new UsageError(`The tenant "${id}" is ${status}, and so has nothing to migrate: ${remedy}`);
  }
}

const unwhole: readonly TenantStatus[] = ['provisioning', 'failed', 'removing'];

/** The tenants with these ids, and the active ones that a pattern fits, in the order of their ids. Without any, all active ones. */
export async function findTenants(tenants: Tenants, named: readonly string[] | undefined): Promise<readonly Tenant[]> {
  const found = new Map<string, Tenant>();
  const patterns = named?.filter((name) => name.includes('*')).map(patternOf);
  for (const id of named?.filter((name) => !name.includes('*')) ?? []) found.set(id, await tenants.get(id));
  if (patterns === undefined || patterns.length > 0) {
    for await (const tenant of tenants.all({ status: 'active' })) {
      if (patterns?.some((pattern) => pattern.test(tenant.id)) ?? true) found.set(tenant.id, tenant);
    }
  }
  return [...found.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

function patternOf(glob: string): RegExp {
  const parts = glob.split('*').map((part) => part.replaceAll(/[^a-z0-9-]/gi, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`);
}

/** Where a tenant's rows are, in one word: `eu/tenant_acme`, `app.t_acme`. */
export function placeOf({ isolation, placement }: Tenant): string {
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

/** The colour of a status. */
export function styleOf({ status }: Pick<Tenant, 'status'>): Style {
  return styles[status];
}

/** Every status there is. */
export const statuses = Object.keys(styles) as readonly TenantStatus[];

/** How a tenant's rows can be kept apart. */
export const isolations: readonly Isolation[] = ['schema', 'database', 'row'];
