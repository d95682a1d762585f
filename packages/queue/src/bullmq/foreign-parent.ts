import { outside } from '@omnitenant/core';
import type { IQueueBackend, ParentOptions } from 'bullmq';
import { ownerIn } from '../jobs/owned-options.ts';
import { crossTenant, type Owner } from '../jobs/owner.ts';

/**
 * Refuses a parent job of another owner, because a parent receives the results of its children.
 * @throws CROSS_TENANT.
 */
export async function refuseForeignParent(backend: IQueueBackend, owner: Owner, parent: ParentOptions): Promise<void> {
  const colon = parent.queue.lastIndexOf(':');
  const queue = parent.queue.slice(colon + 1);
  const prefix = colon < 0 ? undefined : parent.queue.slice(0, colon);
  // In the scope of another owner it would be hidden.
  const stored = await outside(() => backend.forQueue(queue, prefix).getJobData(parent.id));
  if (stored === undefined || ownerIn(stored.opts) === owner) return;
  throw crossTenant(`The parent job "${parent.id}" in the queue "${queue}" does not belong to the same tenant`);
}
