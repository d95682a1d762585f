import type { Tenant, TenantInput } from '../models/tenant.ts';
import { parseTenantInput } from '../models/tenant-input.ts';
import { asFilled, awaitingArchive } from './awaiting-archive.ts';
import { refusePublicHosts, refuseUnproved, termsOf } from './domain-rules.ts';
import { conclude, type Lifecycle, type Outcome } from './lifecycle.ts';
import { requireSupport } from './refused.ts';
import { claimRollBack, keepForOwner, type RollBackClaim, rollBack } from './roll-back.ts';
import { type Origin, runSteps, storageSteps } from './steps.ts';
import { transitions } from './transitions.ts';
import { withPlacement } from './with-placement.ts';

/** Creates the tenant's record, provides its storage and activates it; without migrations it stays closed. */
export async function createTenant<T extends Tenant>(
  lifecycle: Lifecycle<T>,
  input: TenantInput<T>,
  origin: Origin = { kind: 'create' },
): Promise<T> {
  const { records, signals, resources, reservedIds, publicHosts } = lifecycle;
  const parsed = parseTenantInput(input, reservedIds);
  if (origin.kind === 'adopt') requireSupport(resources, 'adopt', parsed.draft.id);
  refusePublicHosts(parsed.domains, publicHosts);
  refuseUnproved(parsed.domains, lifecycle);
  const outcome = await lifecycle.exclusively(parsed.draft.id, 'create', async (lease): Promise<Outcome<T>> => {
    const { holder, confirm } = lease;
    // Under the lease, because the names that it may have depend on whom this id belonged to before.
    const draft = await withPlacement(parsed, resources, { adopts: origin.kind === 'adopt' });
    await signals.emitBefore('creating', { tenant: draft });
    const isImport = origin.kind === 'import';
    const recorded = isImport ? { ...draft, placement: awaitingArchive(draft.placement) } : draft;
    let tenant = await records.insert(recorded, parsed.domains, termsOf(lifecycle));
    let claim: RollBackClaim<T> = 'granted';
    const isHeld = origin.kind === 'create' && origin.migrate === false;
    async function activate() {
      const change = isImport ? await asFilled<T>(records, tenant.id) : undefined;
      tenant = await records.transit(tenant, isHeld ? transitions.hold : transitions.activate, holder, change);
    }
    async function mayUndo() {
      claim = await claimRollBack(lifecycle, tenant, holder);
      return claim === 'granted';
    }
    const steps = [...storageSteps(tenant, resources, origin), { name: 'activate', run: activate }];
    const failure = await runSteps(tenant.id, steps, { confirm, mayUndo });
    if (failure === undefined) return { tenant };
    return claim === 'granted' ? rollBack(lifecycle, tenant, holder, failure) : keepForOwner(tenant, claim, failure);
  });
  return conclude(lifecycle, outcome, 'created');
}
