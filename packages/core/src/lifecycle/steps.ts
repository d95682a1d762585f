import { trace } from '../diagnostics/tenancy-diagnostics.ts';
import type { Tenant } from '../models/tenant.ts';
import type { ProvisionedAs, ResourceVerbs } from '../resource.ts';
import { outside } from '../scope/context.ts';

/** One step of provisioning. If a later step fails, what this one did is undone. */
export interface Step {
  readonly name: string;
  run(): Promise<unknown>;
  undo?(): Promise<unknown>;
}

/** The step that failed, and the errors of undoing the steps before it. */
export interface StepFailure {
  readonly step: string;
  readonly error: unknown;
  readonly undoErrors: readonly unknown[];
}

/** What steps run with. */
export interface StepRules {
  /** Called before each step and before it is undone; what it throws fails that. */
  readonly confirm?: () => Promise<void>;
  /** Whether to undo the steps before the one that failed. Default: yes. */
  readonly mayUndo?: () => Promise<boolean>;
}

/** Runs the steps of a tenant in order. If one fails and `mayUndo` agrees, undoes the steps before it, newest first. */
export async function runSteps(
  tenant: string,
  steps: readonly Step[],
  { confirm = async () => {}, mayUndo = async () => true }: StepRules = {},
): Promise<StepFailure | undefined> {
  const done: Step[] = [];
  for (const step of steps) {
    try {
      await confirm();
      const message = () => ({ tenant, step: step.name });
      await trace('omnitenant:step', message, async () => outside(() => step.run()));
      done.push(step);
    } catch (error) {
      return { step: step.name, error, undoErrors: (await mayUndo()) ? await undo(done, confirm) : [] };
    }
  }
  return undefined;
}

/** Where a tenant's storage comes from: created, with all migrations unless told otherwise, adopted with its contents, or filled from an archive. */
export type Origin =
  | { readonly kind: 'create'; readonly migrate?: boolean | undefined }
  | { readonly kind: 'adopt'; readonly at?: string | undefined }
  | { readonly kind: 'import'; readonly load: (tenant: Tenant) => Promise<void> };

/** The steps that destroy a tenant's storage, the last resource's first. None is undone. */
export function destroySteps(tenant: Tenant, resources: readonly ResourceVerbs[]): Step[] {
  return resources.toReversed().map(({ name, destroy }) => ({
    name: `${name}.destroy`,
    run: async () => destroy?.(tenant),
  }));
}

/** The steps that provide a tenant's storage: the `create` of every resource, or its `adopt` if it has one, then every `migrate`. */
export function storageSteps(tenant: Tenant, resources: readonly ResourceVerbs[], origin: Origin): Step[] {
  const isImport = origin.kind === 'import';
  const isMigrated = origin.kind !== 'create' || origin.migrate !== false;
  const provisioned = new Map<ResourceVerbs, ProvisionedAs>();
  const creates = resources.flatMap((resource): Step[] => {
    const undo = async () => resource.destroy?.(tenant);
    if (origin.kind === 'adopt' && resource.adopt !== undefined) {
      const run = async () => resource.adopt?.(tenant, { at: origin.at });
      return [{ name: `${resource.name}.adopt`, run, undo }];
    }
    if (resource.create === undefined) return [];
    const run = async () =>
      provisioned.set(resource, (await resource.create?.(tenant, { empty: isImport || !isMigrated })) ?? 'empty');
    return [{ name: `${resource.name}.create`, run, undo }];
  });
  const migrates = resources
    .filter(({ migrate }) => isMigrated && migrate !== undefined)
    .map((resource) => ({
      name: `${resource.name}.migrate`,
      // What was imported is migrated as what is there.
      run: async () => resource.migrate?.(tenant, isImport ? undefined : provisioned.get(resource)),
    }));
  const imports = origin.kind === 'import' ? [{ name: 'import', run: () => origin.load(tenant) }] : [];
  return [...creates, ...imports, ...migrates];
}

async function undo(done: readonly Step[], confirm: () => Promise<void>): Promise<unknown[]> {
  const errors: unknown[] = [];
  for (const step of done.toReversed()) {
    try {
      await confirm();
      await outside(async () => step.undo?.());
    } catch (error) {
      errors.push(error);
    }
  }
  return errors;
}
