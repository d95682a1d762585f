import type { Placement, Tenant, TenantInput } from '@omnitenant/core';
import { plain } from '../terminal/output.ts';
import { placeOf } from './tenants.ts';

/** The options of a tenant that is to be. */
export interface TenantOptions {
  readonly name?: string | undefined;
  readonly isolation?: string | undefined;
  readonly domain: readonly string[];
  readonly server?: string | undefined;
  readonly url?: string | undefined;
  readonly database?: string | undefined;
  readonly schema?: string | undefined;
  readonly tenantConfig?: Readonly<Record<string, unknown>> | undefined;
  readonly columns?: Readonly<Record<string, unknown>> | undefined;
}

/** What the registry makes a tenant from. */
export function tenantInput(id: string, options: TenantOptions): TenantInput {
  const { name, isolation, domain, server, url, database, schema, tenantConfig: config, columns } = options;
  const placement = given({ server, url, database, schema }) as Placement;
  return {
    ...columns,
    id,
    ...given({ name, isolation, config }),
    ...(Object.keys(placement).length > 0 && { placement }),
    domains: domain.map((host, n) => ({ host, primary: n === 0 })),
  };
}

/** The line that says what has become of a tenant. */
export function outcome(done: string, tenant: Tenant): string {
  return `${done} ${tenant.id}: ${plain(tenant.name)}, ${tenant.status}, ${tenant.isolation} ${placeOf(tenant)}`;
}

function given(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
