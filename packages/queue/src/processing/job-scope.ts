import { type Tenancy, TenancyError, type Tenant } from '@omnitenant/core';
import { incarnationOf, parseIncarnation } from '@omnitenant/core/extend';
import { ownerIn } from '../jobs/owned-options.ts';
import { central, eachTenant } from '../jobs/owner.ts';

interface OwnedJob {
  readonly id?: string | undefined;
  readonly name: string;
  readonly opts: object;
}

/** How the scope of a job is found. */
export interface JobScopes<J> {
  readonly tenancy: Pick<Tenancy, 'run' | 'central'>;
  /**
   * Finds the id of the tenant of a job that was added before omnitenant, by BullMQ's own Queue. Without it, and where it returns
   * `undefined`, such a job fails with JOB_WITHOUT_TENANT.
   */
  readonly tenantOf?: ((job: J) => string | undefined) | undefined;
}

/**
 * Runs `work` in the scope that the job was added in. Rejects as `tenancy.run` does, and with TENANT_UNKNOWN if the job belongs
 * to an earlier tenant of the same id.
 * @throws JOB_WITHOUT_TENANT.
 */
export function runInJobScope<J extends OwnedJob, R>(
  job: J,
  { tenancy, tenantOf }: JobScopes<J>,
  work: (tenant: Tenant | undefined) => R,
): Promise<Awaited<R>> {
  const { opts, id, name } = job;
  const owner = ownerIn(opts);
  if (owner === central || owner === eachTenant) return tenancy.central(() => work(undefined));
  const tenantId = parseIncarnation(owner ?? '')?.id ?? (owner === undefined ? tenantOf?.(job) : undefined);
  if (tenantId === undefined) {
    const message = `The job "${id}" ("${name}") has no tenant, because it was added with BullMQ's own Queue; add it with the Queue of @omnitenant/queue, or give the worker the option "tenantOf".`;
    throw new TenancyError('JOB_WITHOUT_TENANT', message);
  }
  return tenancy.run(tenantId, (tenant) => {
    if (owner === undefined || incarnationOf(tenant) === owner) return work(tenant);
    const message = `The job "${id}" ("${name}") belongs to an earlier tenant with the id "${tenantId}", which was removed.`;
    throw new TenancyError('TENANT_UNKNOWN', message, { tenant: tenantId });
  });
}
