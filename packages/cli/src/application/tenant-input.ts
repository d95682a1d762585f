import type { TenantInput } from '@omnitenant/core';
import { defined } from './defined.ts';

/** The options of a new tenant. */
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

/** Turns options into the registry's input. */
export function tenantInput(id: string, options: TenantOptions): TenantInput {
  const { name, isolation, domain, server, url, database, schema, tenantConfig: config, columns } = options;
  const given = defined({ server, url, database, schema });
  const placement = Object.keys(given).length > 0 ? given : undefined;
  const domains = domain.map((host, n) => ({ host, primary: n === 0 }));
  return { ...columns, id, ...defined({ name, isolation, config, placement }), domains };
}
