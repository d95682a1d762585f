import { TenancyError } from '../errors/errors.ts';
import { type Domain, parseDomain } from '../models/domain.ts';
import type { Tenant, TenantChange } from '../models/tenant.ts';
import { parseTenantChange } from '../models/tenant-input.ts';
import type { DomainTerms } from '../stores/domain-claims.ts';
import type { WriteFence } from '../stores/store.ts';
import { refuseUnfilled } from './awaiting-archive.ts';
import { refusePublicHosts, refuseUnproved, termsOf } from './domain-rules.ts';
import type { Lifecycle } from './lifecycle.ts';
import { requireStatus, transitions } from './transitions.ts';

/** The verbs that change a status and nothing else, with the signals before and after them. */
const statusSignals = {
  suspend: ['suspending', 'suspended'],
  startMaintenance: ['maintaining', 'maintained'],
  archive: ['archiving', 'archived'],
  resume: ['resuming', 'resumed'],
} as const;

/** Changes the status of a tenant. */
export async function changeStatus<T extends Tenant>(
  { records, signals }: Lifecycle<T>,
  id: string,
  verb: keyof typeof statusSignals,
  more?: TenantChange<T>,
): Promise<T> {
  const [before, after] = statusSignals[verb];
  const stored = await records.read(id);
  requireStatus(stored, transitions[verb].from);
  if (verb === 'resume' || verb === 'archive') refuseUnfilled(stored);
  await signals.emitBefore(before, { tenant: stored });
  const tenant = await records.transit(stored, transitions[verb], undefined, more);
  await signals.emit(after, { tenant });
  return tenant;
}

/** Changes what an application may change in a tenant's record. */
export async function updateTenant<T extends Tenant>(
  { records, signals }: Lifecycle<T>,
  id: string,
  given: object,
  unchangedSince?: WriteFence,
): Promise<T> {
  const refused = ['status', 'placement', 'retainUntil'].find((key) => key in given);
  if (refused !== undefined) {
    const message = `update() cannot change the ${refused} of tenant "${id}".`;
    throw new TenancyError('TENANT_INVALID', message, { tenant: id });
  }
  const change = parseTenantChange(id, given as TenantChange<T>);
  await signals.emitBefore('updating', { tenant: await records.read(id), change });
  const tenant = await records.update(id, change, unchangedSince);
  await signals.emit('updated', { tenant, change });
  return tenant;
}

/** Adds a domain to a tenant, unless the tenant has to prove it. */
export async function addDomain<T extends Tenant>(lifecycle: Lifecycle<T>, domain: Domain): Promise<Domain> {
  refusePublicHosts([domain], lifecycle.publicHosts);
  refuseUnproved([domain], lifecycle);
  return attachDomain(lifecycle, domain, termsOf(lifecycle));
}

/** Adds a domain to a tenant on some terms. */
export async function attachDomain<T extends Tenant>(
  { records, signals }: Pick<Lifecycle<T>, 'records' | 'signals'>,
  domain: Domain,
  terms: DomainTerms,
): Promise<Domain> {
  const tenant = await records.read(domain.tenantId);
  await signals.emitBefore('domainAdding', { tenant, domain });
  await records.addDomain(domain, terms);
  await signals.emit('domainAdded', { tenant, domain });
  return domain;
}

/** Removes a domain from a tenant that has it. */
export async function removeDomain<T extends Tenant>(
  { records, store, signals }: Pick<Lifecycle<T>, 'records' | 'store' | 'signals'>,
  id: string,
  named: string,
): Promise<void> {
  const host = parseDomain(named);
  const domain = (await store.domains(id)).find((each) => each.host === host);
  if (domain === undefined) return;
  const tenant = await records.read(id);
  await signals.emitBefore('domainRemoving', { tenant, domain });
  await records.removeDomain(id, host);
  await signals.emit('domainRemoved', { tenant, domain });
}
