import { withoutHidden } from '../errors/redact.ts';
import { isTenantId, type Tenant } from '../models/tenant.ts';
import type { Auditing } from '../signals/auditing.ts';
import type { TenantStore } from '../stores/store.ts';
import type { OpenRegistry } from './registry.ts';
import type { TenantRegistry } from './tenant-registry.ts';

/** A registry that has each of its verbs recorded, with the tenant's record before and after. */
export function auditedRegistry<T extends Tenant>(
  registry: OpenRegistry<T>,
  store: Pick<TenantStore<T>, 'find' | 'domains' | 'hiddenColumns'>,
  auditing: Auditing,
): TenantRegistry<T> {
  const recordIn = (tenant: Tenant) => auditedRecord(tenant, store.hiddenColumns);

  async function recordOf(id: string): Promise<unknown> {
    const tenant = await store.find(id);
    return tenant && recordIn(tenant);
  }

  async function domainsOf(id: string): Promise<unknown> {
    return { domains: (await store.domains(id)).map(({ host, primary }) => ({ host, primary })) };
  }

  /** What names no tenant that can be is refused before anything is done, and says nothing of one. */
  async function take<R>(verb: string, id: string, act: () => Promise<R>, look = recordOf): Promise<R> {
    if (!isTenantId(id)) return act();
    const isNew = verb === 'create' || verb === 'adopt';
    const after = (result: R | undefined) => (isTenant(result) ? recordIn(result) : look(id));
    return auditing({ verb, tenant: id, before: isNew ? undefined : () => look(id), after }, act);
  }

  return {
    // Named one by one, so that the compiler asks about each new verb.
    get: registry.get,
    tryGet: registry.tryGet,
    findByDomain: registry.findByDomain,
    all: registry.all,
    domains: registry.domains,
    create: (input, options) => take('create', input?.id, () => registry.create(input, options)),
    adopt: (input, options) => take('adopt', input?.id, () => registry.adopt(input, options)),
    repair: ((id: string, options?: { readonly clear: boolean }) =>
      take(options?.clear ? 'clear' : 'repair', id, () =>
        registry.repair(id, options as { readonly clear: boolean }),
      )) as TenantRegistry<T>['repair'],
    reset: (id) => take('reset', id, () => registry.reset(id)),
    update: (id, change, options) => take('update', id, () => registry.update(id, change, options)),
    migrate: (id) => take('migrate', id, () => registry.migrate(id)),
    suspend: (id) => take('suspend', id, () => registry.suspend(id)),
    startMaintenance: (id) => take('maintain', id, () => registry.startMaintenance(id)),
    archive: (id, options) => take('archive', id, () => registry.archive(id, options)),
    resume: (id) => take('resume', id, () => registry.resume(id)),
    remove: ((id: string, options?: object) =>
      take('remove', id, () => registry.remove(id, options as never))) as TenantRegistry<T>['remove'],
    async export(id, options) {
      const begun = Promise.withResolvers<ReadableStream<Uint8Array>>();
      const recorded = take(options?.anonymise ? 'export-anonymised' : 'export', id, async () => {
        const { bytes, written } = await registry.openExport(id, options);
        begun.resolve(bytes);
        await written;
      });
      recorded.catch(begun.reject);
      return endingWith(await begun.promise, recorded);
    },
    async import(archive, options) {
      const act = () => registry.import(archive, options);
      const as = options?.as;
      if (as !== undefined && !isTenantId(as)) return act();
      const after = (tenant: T | undefined) => tenant && recordIn(tenant);
      return auditing({ verb: 'import', tenant: as, tenantOf: ({ id }) => id, after }, act);
    },
    async erase(id, keep) {
      const act = () => registry.erase(id, keep);
      // What it keeps of the tenant is the proof.
      return isTenantId(id) ? auditing({ verb: 'erase', tenant: id, after: (erasure) => erasure }, act) : act();
    },
    restore: (id, archive, keep) => take('restore', id, () => registry.restore(id, archive, keep)),
    move: (id, target, options) => take('move', id, () => registry.move(id, target, options)),
    undoMove: (id, options) => take('undo-move', id, () => registry.undoMove(id, options)),
    purge: (options) =>
      auditing({ verb: 'purge', after: (purge) => purge && { purged: purge.purged } }, () => registry.purge(options)),
    addDomain: (id, host, options) => take('add-domain', id, () => registry.addDomain(id, host, options), domainsOf),
    removeDomain: (id, host) => take('remove-domain', id, () => registry.removeDomain(id, host), domainsOf),
  };
}

/** The bytes. Whoever has read the last one, has cancelled them, or has been told that there are no more, finds in the audit how it ended. */
function endingWith(bytes: ReadableStream<Uint8Array>, recorded: Promise<void>): ReadableStream<Uint8Array> {
  const reader = bytes.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await reader
          .read()
          .catch((error: unknown) => recorded.then(() => Promise.reject(error)));
        if (!done) return controller.enqueue(value);
        await recorded;
        controller.close();
      },
      async cancel(reason) {
        await reader.cancel(reason);
        await recorded.catch(() => {});
      },
    },
    { highWaterMark: 0 },
  );
}

/** Whether a verb has returned the record as it is since. */
function isTenant(result: unknown): result is Tenant {
  return typeof result === 'object' && result !== null && 'placement' in result;
}

/** A tenant's record as the audit keeps it: without what its server is reached with, and without secrets. */
function auditedRecord({ placement, ...record }: Tenant, hidden: readonly string[] | undefined): unknown {
  const { url, key, ...where } = placement;
  return withoutHidden({ ...record, placement: where }, hidden);
}
