import { outside } from './context.ts';
import { TenancyError } from './errors.ts';
import type { Tenant, TenantDraft } from './models/tenant.ts';
import type { ParsedTenantInput } from './models/tenant-input.ts';
import type { PlacementDraft, ProvisionedAs, ResourceVerbs } from './resource.ts';

/** One step of provisioning; what it made is undone when a later one fails. */
export interface Step {
  readonly name: string;
  run(): Promise<unknown>;
  undo?(): Promise<unknown>;
}

/** Why provisioning stopped, and what could not be undone. */
export interface StepFailure {
  readonly step: string;
  readonly error: unknown;
  readonly undoErrors: readonly unknown[];
}

/**
 * Runs the steps in order; when one fails, undoes those that were done, newest first, and says what happened. `mayUndo` is
 * asked before anything is undone.
 */
export async function runSteps(
  steps: readonly Step[],
  mayUndo: () => Promise<boolean> = async () => true,
): Promise<StepFailure | undefined> {
  const done: Step[] = [];
  for (const step of steps) {
    try {
      await outside(() => step.run());
      done.push(step);
    } catch (error) {
      return { step: step.name, error, undoErrors: (await mayUndo()) ? await undo(done) : [] };
    }
  }
  return undefined;
}

/** How a tenant's storage comes to be: made, or taken over with what it has. */
export type Origin = { readonly kind: 'create' } | { readonly kind: 'adopt'; readonly at?: string | undefined };

/** The steps that give a tenant its storage: every resource's `create`, or `adopt` where it can, then its `migrate`. */
export function storageSteps(tenant: Tenant, resources: readonly ResourceVerbs[], origin: Origin): Step[] {
  const provisioned = new Map<ResourceVerbs, ProvisionedAs>();
  const creates = resources.flatMap((resource): Step[] => {
    const undo = async () => resource.destroy?.(tenant);
    if (origin.kind === 'adopt' && resource.adopt !== undefined) {
      const run = async () => resource.adopt?.(tenant, { at: origin.at });
      return [{ name: `${resource.name}.adopt`, run, undo }];
    }
    if (resource.create === undefined) return [];
    const run = async () => provisioned.set(resource, (await resource.create?.(tenant)) ?? 'empty');
    return [{ name: `${resource.name}.create`, run, undo }];
  });
  const migrates = resources
    .filter(({ migrate }) => migrate !== undefined)
    .map((resource) => ({
      name: `${resource.name}.migrate`,
      run: async () => resource.migrate?.(tenant, provisioned.get(resource)),
    }));
  return [...creates, ...migrates];
}

/**
 * The draft with the isolation and placement that the resources give it.
 * @throws ISOLATION_UNKNOWN where an isolation is asked for that no resource has.
 */
export async function placed<T extends Tenant>(
  { draft, isolation, placement }: ParsedTenantInput<T>,
  resources: readonly ResourceVerbs[],
): Promise<TenantDraft<T>> {
  let asked: PlacementDraft = {
    id: draft.id,
    config: draft.config,
    isolation,
    placement,
  };
  const placing = resources.filter(({ place }) => place !== undefined);
  if (placing.length === 0 && isolation !== undefined) {
    const message = `The tenant "${draft.id}" asks for the isolation "${isolation}", and no resource places tenants.`;
    throw new TenancyError('ISOLATION_UNKNOWN', message, { tenant: draft.id });
  }
  for (const resource of placing) {
    const answer = await outside(async () => resource.place?.(asked));
    asked = { ...asked, ...answer, placement: { ...asked.placement, ...answer?.placement } };
  }
  return { ...draft, isolation: asked.isolation ?? 'none', placement: asked.placement ?? {} } as TenantDraft<T>;
}

async function undo(done: readonly Step[]): Promise<unknown[]> {
  const errors: unknown[] = [];
  for (const step of done.toReversed()) {
    try {
      await outside(async () => step.undo?.());
    } catch (error) {
      errors.push(error);
    }
  }
  return errors;
}
