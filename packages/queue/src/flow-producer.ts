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
  type NodeOpts,
  type RedisQueueBackend,
} from 'bullmq';
import { detached } from './bullmq/constructed-outside.ts';
import { reach } from './bullmq/with-server-errors.ts';
import { central, currentStamp, outsideScope, type Stamp, stamped, stampIn } from './jobs/owner.ts';
import { refuseForeignParent } from './queue.ts';

const DetachedFlowProducer: typeof BullFlowProducer = detached(BullFlowProducer);

/** BullMQ's FlowProducer: every job of a flow is the tenant's that adds it. Rejects as the Queue does. */
export class FlowProducer<
  B extends IQueueBackend = RedisQueueBackend,
  C = ConnectionOptions,
> extends DetachedFlowProducer<B, C> {
  constructor(opts: FlowProducerOptions<C>, backend?: BackendFactory<B, C>) {
    super(opts as never, backend as never);
  }

  override add(flow: FlowJob, opts?: FlowOpts): Promise<JobNode> {
    return this.adding([flow], ([stampedFlow]) => super.add(stampedFlow as FlowJob, opts));
  }

  override addBulk(flows: FlowJob[]): Promise<JobNode[]> {
    return this.adding(flows, (stampedFlows) => super.addBulk(stampedFlows));
  }

  override async getFlow(opts: NodeOpts): Promise<JobNode> {
    const flow = await super.getFlow(opts);
    const stamp = currentStamp();
    const seen = stamp === undefined || stamp === central || (flow && stampIn(flow.job.opts) === stamp);
    // BullMQ's type leaves out that a flow may not be there.
    return (seen ? flow : undefined) as JobNode;
  }

  private async adding<R>(flows: FlowJob[], add: (flows: FlowJob[]) => Promise<R>): Promise<R> {
    const stamp = currentStamp();
    const name = flows[0]?.queueName ?? '';
    if (stamp === undefined) throw outsideScope(name);
    return reach(name, stamp, async () => {
      for (const { opts } of flows) {
        const parent = (opts as JobsOptions | undefined)?.parent;
        if (parent !== undefined) await refuseForeignParent(this.backend, stamp, parent);
      }
      return add(flows.map((flow) => stampedFlow(stamp, flow)));
    });
  }
}

function stampedFlow(stamp: Stamp, flow: FlowJob): FlowJob {
  const children = flow.children?.map((child) => stampedFlow(stamp, child as FlowJob));
  const opts = stamped(stamp, flow.opts as JobsOptions | undefined);
  return { ...flow, opts, ...(children === undefined ? {} : { children }) } as FlowJob;
}
