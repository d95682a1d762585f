import type { Tenant, TenantInput } from '../models/tenant.ts';
import { createTenant } from './create.ts';
import type { Lifecycle } from './lifecycle.ts';

/** Creates a tenant from existing storage. `at` is the last migration applied to it. */
export function adoptTenant<T extends Tenant>(
  lifecycle: Lifecycle<T>,
  input: TenantInput<T>,
  { at }: { readonly at?: string | undefined } = {},
): Promise<T> {
  return createTenant(lifecycle, input, { kind: 'adopt', at });
}
