import type { IQueueBackend } from 'bullmq';
import { ownerIn } from '../jobs/owned-options.ts';
import { central, type Owner } from '../jobs/owner.ts';

/** Hides the jobs of others from a tenant's scope where BullMQ reads one by its id, as `Job.fromId` does. */
export function guardJobData(backend: IQueueBackend, viewer: () => Owner | undefined): void {
  const getJobData = backend.getJobData.bind(backend);
  backend.getJobData = async (id) => {
    const owner = viewer();
    const job = await getJobData(id);
    return owner === undefined || owner === central || (job && ownerIn(job.opts) === owner) ? job : undefined;
  };
}
