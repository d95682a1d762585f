import {
  type BackendFactory,
  FlowProducer as BullFlowProducer,
  type ConnectionOptions,
  type FlowJob,
  type FlowOpts,
  type FlowProducerOptions,
  type IQueueBackend,
  type JobNode,
  type JobsOptions,
  RedisQueueBackend,
} from 'bullmq';
import { constructedOutside } from './bullmq/constructed-outside.ts';
import { refuseForeignParent } from './bullmq/foreign-parent.ts';
import { guardJobData } from './bullmq/guard-job-data.ts';
import { guardJobs } from './bullmq/guard-jobs.ts';
import { withTenantSpans } from './bullmq/tenant-spans.ts';
import { withServerErrors } from './bullmq/with-server-errors.ts';
import { indexJobs } from './job-index/job-index.ts';
import { ownedOptions } from './jobs/owned-options.ts';
import { currentOwner, type Owner, outsideScope } from './jobs/owner.ts';

const OutsideFlowProducer: typeof BullFlowProducer = constructedOutside(BullFlowProducer);

/**
 * BullMQ's FlowProducer. All jobs of a flow belong to the tenant that adds it, and a tenant's scope neither reads nor changes those of others.
 * Rejects as the Queue does.
 */
export class FlowProducer<
  B extends IQueueBackend = RedisQueueBackend,
  C = ConnectionOptions,
> extends OutsideFlowProducer<B, C> {
  constructor(opts: FlowProducerOptions<C>, backend?: BackendFactory<B, C>) {
    super(withTenantSpans(opts) as never, backend as never);
    if (this.backend instanceof RedisQueueBackend) indexJobs(this.backend);
    guardSiblings(this.backend);
  }

  override add(flow: FlowJob, opts?: FlowOpts): Promise<JobNode> {
    return this.adding([flow], ([owned]) => super.add(owned as FlowJob, opts));
  }

  override addBulk(flows: FlowJob[]): Promise<JobNode[]> {
    return this.adding(flows, (owned) => super.addBulk(owned));
  }

  private async adding<R>(flows: FlowJob[], add: (flows: FlowJob[]) => Promise<R>): Promise<R> {
    const owner = currentOwner();
    const name = flows[0]?.queueName ?? '';
    if (owner === undefined) throw outsideScope(name);
    return withServerErrors(name, owner, async () => {
      for (const { opts } of flows) {
        const parent = (opts as JobsOptions | undefined)?.parent;
        if (parent !== undefined) await refuseForeignParent(this.backend, owner, parent);
      }
      return add(flows.map((flow) => ownedFlow(owner, flow)));
    });
  }
}

/** A flow's jobs are not of the producer's own queue, which has no name, but of siblings of its backend. */
function guardSiblings(backend: IQueueBackend): void {
  const forQueue = backend.forQueue.bind(backend);
  backend.forQueue = (...args) => {
    const sibling = forQueue(...args);
    guardJobs(sibling, currentOwner);
    guardJobData(sibling, currentOwner);
    return sibling;
  };
}

function ownedFlow(owner: Owner, flow: FlowJob): FlowJob {
  const owned = { ...flow, opts: ownedOptions(owner, flow.opts as JobsOptions | undefined) } as FlowJob;
  if (flow.children) owned.children = flow.children.map((child) => ownedFlow(owner, child as FlowJob));
  return owned;
}
