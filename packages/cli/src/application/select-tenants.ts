import type { Tenant, TenantStatus } from '@omnitenant/core';
import { UsageError } from '../terminal/failure.ts';
import type { OmnitenantConfig } from './config.ts';

type Tenants = OmnitenantConfig['tenancy']['tenants'];

/** The named tenants, or `undefined` for all of them; the user must say which. */
export function namedOrAll(named: readonly string[], all: true | undefined): readonly string[] | undefined {
  if (all ? named.length === 0 : named.length > 0) return all ? undefined : named;
  throw new UsageError("Name the tenants by their ids or by a quoted pattern such as 'acme-*', or pass --all.");
}

/** @throws UsageError where `--central`, which excludes tenants, is combined with tenants. */
export function refuseTenants(named: readonly string[], all?: true): void {
  if (named.length > 0 || all) throw new UsageError('--central cannot be combined with tenants here.');
}

/** @throws TENANT_UNKNOWN for an id that no tenant has; UsageError for a tenant whose storage is incomplete. */
export async function requireMigratable(tenants: Tenants, named: readonly string[] = []): Promise<void> {
  for (const id of named.filter((name) => !isPattern(name))) {
    const { status } = await tenants.get(id);
    if (!incomplete.includes(status)) continue;
    const verb = status === 'removing' ? 'remove' : 'repair';
    throw new UsageError(
      `Tenant "${id}" is in state "${status}" and cannot be migrated. Run: omnitenant ${verb} ${id}`,
    );
  }
}

const incomplete: readonly TenantStatus[] = ['provisioning', 'failed', 'removing'];

/**
 * The tenants with these ids and the active ones that match a pattern, or every active tenant; sorted by id. `allowClosed` includes
 * those that are closed.
 */
export async function findTenants(
  tenants: Tenants,
  named: readonly string[] = ['*'],
  { allowClosed = false }: { readonly allowClosed?: boolean | undefined } = {},
): Promise<readonly Tenant[]> {
  const found = new Map<string, Tenant>();
  for (const id of named.filter((name) => !isPattern(name))) found.set(id, await tenants.get(id));
  const patterns = named.filter(isPattern).map(expressionOf);
  if (patterns.length > 0) {
    for await (const tenant of tenants.all(allowClosed ? {} : { status: 'active' })) {
      if (incomplete.includes(tenant.status)) continue;
      if (patterns.some((pattern) => pattern.test(tenant.id))) found.set(tenant.id, tenant);
    }
  }
  return [...found.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** Tenants without those that ids and patterns name. */
export function without(tenants: readonly Tenant[], named: readonly string[] = []): readonly Tenant[] {
  const patterns = named.map(expressionOf);
  return tenants.filter(({ id }) => !patterns.some((pattern) => pattern.test(id)));
}

export function isPattern(name: string): boolean {
  return name.includes('*');
}

function expressionOf(pattern: string): RegExp {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[^a-z0-9-]/gi, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`);
}
