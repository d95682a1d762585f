import { outside } from './context.ts';
import { isTenancyError, TenancyError, unknownTenant } from './errors.ts';
import { keyedMutex } from './keyed-mutex.ts';
import { migratable, requireStatus, transitions } from './lifecycle.ts';
import type { Domain } from './models/domain.ts';
import { isTenantId, type Tenant, type TenantInput, tenantSnapshot } from './models/tenant.ts';
import { parseTenantInput } from './models/tenant-input.ts';
import { type Origin, placed, runSteps, type StepFailure, storageSteps } from './provision.ts';
import type { ResourceVerbs } from './resource.ts';
import type { SignalSender } from './signals.ts';
import type { TenantStore } from './stores/store.ts';
import type { TenantRecords } from './tenant-records.ts';
import type { TenantRegistry } from './tenant-registry.ts';

/** What the provisioner works with. */
export interface ProvisionerOptions<T extends Tenant> {
  readonly store: TenantStore<T>;
  readonly records: TenantRecords<T>;
  readonly signals: SignalSender<T>;
  readonly resources: readonly ResourceVerbs[];
  readonly reservedIds: ReadonlySet<string>;
  readonly publicHosts: ReadonlySet<string>;
}

interface Outcome<T extends Tenant> {
  readonly tenant: T;
  readonly error?: TenancyError;
}

/**
 * The verbs that create, migrate and destroy a tenant's storage. Those of one tenant exclude each other; signals are sent
 * after the mutex is released, so that a handler may use the registry.
 */
export function createProvisioner<T extends Tenant>(
  options: ProvisionerOptions<T>,
): Pick<TenantRegistry<T>, 'create' | 'adopt' | 'repair' | 'migrate' | 'remove'> {
  const { store, records, signals, resources, reservedIds, publicHosts } = options;
  const exclusively = keyedMutex();

  async function stored(id: string): Promise<T> {
    const tenant = isTenantId(id) ? await store.find(id) : undefined;
    if (tenant === undefined) throw unknownTenant(id);
    return tenant;
  }

  /**
   * Takes the tenant out of its making, so that only this process undoes it: where another has repaired it meanwhile, what is
   * there is that one's. Gives the record where it is not this process's to undo, or `unknown`.
   */
  async function withdraw(id: string): Promise<T | 'withdrawn' | 'unknown'> {
    try {
      await records.transit(id, transitions.fail);
      return 'withdrawn';
    } catch {
      return store.find(id).then(
        // Cleared by another: what this process has made since goes too.
        (found) => found ?? 'withdrawn',
        () => 'unknown',
      );
    }
  }

  /** Clears what a failed creation left, or else says in the tenant's status that something is left. */
  async function abandon(tenant: T, { step, error, undoErrors }: StepFailure): Promise<Outcome<T>> {
    const { id } = tenant;
    const left = [...undoErrors];
    if (left.length === 0) await records.delete(id).catch((undeleted) => left.push(undeleted));
    if (left.length === 0) {
      const message = `The tenant "${id}" could not be created: "${step}" failed. What was done is undone; create it again.`;
      return { tenant, error: new TenancyError('PROVISION_FAILED', message, { tenant: id, cause: error }) };
    }
    const message = `The tenant "${id}" could not be created: "${step}" failed, and so did undoing what was done. It is left failed; ${repairing(id)}`;
    const cause = new AggregateError([error, ...left], 'A step failed, and then undoing what was done.');
    const failed = tenantSnapshot({ ...tenant, status: transitions.fail.to });
    return { tenant: failed, error: new TenancyError('PROVISION_FAILED', message, { tenant: id, cause }) };
  }

  /** What became of a creation that failed, and that is not this process's to undo. */
  function leave(tenant: T, found: T | 'unknown', { step, error }: StepFailure): Outcome<T> {
    const { id } = tenant;
    const isRefused = isTenancyError(error, 'TRANSITION_REFUSED');
    // The store has activated it, and could not say so.
    if (found !== 'unknown' && found.status === 'active' && step === activation && !isRefused) return { tenant: found };
    const isTaken = found !== 'unknown' && !transitions.reclaim.from.includes(found.status);
    const why = isTaken
      ? `Another process has repaired it meanwhile: it is ${found.status}, and left alone.`
      : `What was done is not undone, as the store did not say whose that is; ${repairing(id)}`;
    const message = `The tenant "${id}" could not be created here: "${step}" failed. ${why}`;
    return { tenant, error: new TenancyError('PROVISION_FAILED', message, { tenant: id, cause: error }) };
  }

  /** Reports how a verb went, outside its turn. */
  async function conclude({ tenant, error }: Outcome<T>, done: 'created' | 'migrated' | 'removed'): Promise<T> {
    if (error !== undefined) {
      await signals.emit('failed', { tenant, error });
      throw error;
    }
    await signals.emit(done, { tenant });
    return tenant;
  }

  /** Makes the record, then the storage from its origin. */
  async function provision(input: TenantInput<T>, origin: Origin): Promise<T> {
    const parsed = parseTenantInput(input, reservedIds);
    refusePublicHosts(parsed.domains, publicHosts);
    const draft = await placed(parsed, resources);
    await signals.emitBefore('creating', { tenant: draft });

    const outcome = await exclusively(draft.id, async (): Promise<Outcome<T>> => {
      let tenant = await records.insert(draft, parsed.domains);
      let standing: T | 'withdrawn' | 'unknown' = 'withdrawn';
      const failure = await runSteps(
        [
          ...storageSteps(tenant, resources, origin),
          {
            name: activation,
            run: async () => {
              tenant = await records.transit(tenant.id, transitions.activate);
            },
          },
        ],
        async () => {
          standing = await withdraw(tenant.id);
          return standing === 'withdrawn';
        },
      );
      if (failure === undefined) return { tenant };
      return standing === 'withdrawn' ? abandon(tenant, failure) : leave(tenant, standing, failure);
    });
    return conclude(outcome, 'created');
  }

  /** Makes the storage of a tenant that nobody has seen anew. */
  async function finish(id: string): Promise<Outcome<T>> {
    const tenant = await records.transit(id, transitions.reclaim);
    const failure = await runSteps([
      ...resources.toReversed().map(({ name, destroy }) => ({
        name: `${name}.destroy`,
        run: async () => destroy?.(tenant),
      })),
      ...storageSteps(tenant, resources, { kind: 'create' }),
    ]);
    if (failure === undefined) return { tenant: await records.transit(id, transitions.finish) };
    const message = `The tenant "${id}" could not be repaired: "${failure.step}" failed. It is left failed; fix the cause and repair it again, or clear it with repair("${id}", { clear: true }).`;
    const cause =
      failure.undoErrors.length === 0
        ? failure.error
        : new AggregateError([failure.error, ...failure.undoErrors], message);
    return { tenant, error: new TenancyError('PROVISION_FAILED', message, { tenant: id, cause }) };
  }

  async function remove(id: string): Promise<void> {
    const asked = await stored(id);
    requireStatus(asked, transitions.remove.from);
    if (asked.status !== 'removing') await signals.emitBefore('removing', { tenant: asked });

    const outcome = await exclusively(id, async (): Promise<Outcome<T>> => {
      const tenant = await records.transit(id, transitions.remove);
      for (const resource of resources.toReversed()) {
        try {
          await outside(() => resource.destroy?.(tenant));
        } catch (cause) {
          const message = `The tenant "${id}" could not be removed: "${resource.name}" failed. It is closed; remove it again.`;
          return { tenant, error: new TenancyError('REMOVE_FAILED', message, { tenant: id, cause }) };
        }
      }
      await records.delete(id);
      return { tenant };
    });
    await conclude(outcome, 'removed');
  }

  async function repair(id: string, options?: { readonly clear?: false }): Promise<T>;
  async function repair(id: string, options: { readonly clear: boolean }): Promise<T | undefined>;
  async function repair(id: string, { clear = false }: { readonly clear?: boolean } = {}): Promise<T | undefined> {
    requireStatus(await stored(id), transitions.reclaim.from);
    if (clear) {
      await exclusively(id, () => records.transit(id, transitions.reclaim));
      await remove(id);
      return undefined;
    }
    return conclude(await exclusively(id, () => finish(id)), 'created');
  }

  return {
    create(input) {
      return provision(input, { kind: 'create' });
    },

    adopt(input, options = {}) {
      return provision(input, { kind: 'adopt', ...options });
    },

    repair,
    remove,

    async migrate(id) {
      const asked = await stored(id);
      requireStatus(asked, migratable);
      await signals.emitBefore('migrating', { tenant: asked });

      const outcome = await exclusively(id, async (): Promise<Outcome<T>> => {
        const tenant = await stored(id);
        requireStatus(tenant, migratable);
        for (const resource of resources) {
          try {
            await outside(() => resource.migrate?.(tenant));
          } catch (cause) {
            const message = `The tenant "${id}" could not be migrated: "${resource.name}" failed; migrate it again.`;
            return { tenant, error: new TenancyError('MIGRATE_FAILED', message, { tenant: id, cause }) };
          }
        }
        records.refresh(id);
        return { tenant };
      });
      return conclude(outcome, 'migrated');
    },
  };
}

const activation = 'activate';

function repairing(id: string): string {
  return `call repair("${id}") to finish it, or repair("${id}", { clear: true }) to clear it.`;
}

/** @throws DOMAIN_TAKEN where a tenant would get a host that leads to central. */
export function refusePublicHosts(domains: readonly Domain[], publicHosts: ReadonlySet<string>): void {
  const taken = domains.find(({ host }) => publicHosts.has(host));
  if (taken === undefined) return;
  const message = `The domain "${taken.host}" is a public host of the application; choose another.`;
  throw new TenancyError('DOMAIN_TAKEN', message, { tenant: taken.tenantId });
}
