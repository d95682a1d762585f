import { type Tenancy, TenancyError } from '@omnitenant/core';
import { incarnationOf, parseIncarnation } from '@omnitenant/core/extend';
import { ownerIn } from '../jobs/owned-options.ts';
import { central, eachTenant } from '../jobs/owner.ts';

interface OwnedJob {
  readonly id?: string | undefined;
  readonly name: string;
  readonly opts: object;
}

/**
 * Runs `work` in the scope that the job was added in. Rejects as `tenancy.run` does, and with TENANT_UNKNOWN if the job belongs
 * to an earlier tenant of the same id.
 * @throws JOB_WITHOUT_TENANT.
 */
export function runInJobScope<R>(
  { opts, id, name }: OwnedJob,
  tenancy: Pick<Tenancy, 'run' | 'central'>,
  work: () => R,
): Promise<Awaited<R>> {
  const owner = ownerIn(opts);
  if (owner === central || owner === eachTenant) return tenancy.central(work);
  const tenantId = parseIncarnation(owner ?? '')?.id;
  if (tenantId === undefined) {
    const message = `The job "${id}" ("${name}") has no tenant, because it was added with BullMQ's own Queue; add it with the Queue of @omnitenant/queue.`;
    throw new TenancyError('JOB_WITHOUT_TENANT', message);
  }
  return tenancy.run(tenantId, (tenant) => {
    if (incarnationOf(tenant) === owner) return work();
    const message = `The job "${id}" ("${name}") belongs to an earlier tenant with the id "${tenantId}", which was removed.`;
    throw new TenancyError('TENANT_UNKNOWN', message, { tenant: tenantId });
  });
}
