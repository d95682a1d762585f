import { TenancyError } from '../errors/errors.ts';
import type { Tenant, TenantDraft } from '../models/tenant.ts';
import type { ParsedTenantInput } from '../models/tenant-input.ts';
import type { PlacementDraft, ResourceVerbs } from '../resource.ts';
import { outside } from '../scope/context.ts';

/**
 * The draft with the isolation and placement that the resources choose.
 * @throws ISOLATION_UNKNOWN if the input names an isolation and no resource places tenants.
 */
export async function withPlacement<T extends Tenant>(
  { draft, isolation, placement }: ParsedTenantInput<T>,
  resources: readonly ResourceVerbs[],
  { adopts = false }: { readonly adopts?: boolean } = {},
): Promise<TenantDraft<T>> {
  let chosen: PlacementDraft = { id: draft.id, config: draft.config, isolation, placement, adopts };
  const placing = resources.filter(({ place }) => place !== undefined);
  if (placing.length === 0 && isolation !== undefined) {
    const message = `Tenant "${draft.id}" requires isolation "${isolation}", but no resource places tenants.`;
    throw new TenancyError('ISOLATION_UNKNOWN', message, { tenant: draft.id });
  }
  for (const resource of placing) {
    const answer = await outside(async () => resource.place?.(chosen));
    chosen = { ...chosen, ...answer, placement: { ...chosen.placement, ...answer?.placement } };
  }
  return { ...draft, isolation: chosen.isolation ?? 'none', placement: chosen.placement ?? {} } as TenantDraft<T>;
}
