import { TenancyError } from '@omnitenant/core';
import {
  type BackendFactory,
  type BulkJobOptions,
  Queue as BullQueue,
  type ConnectionOptions,
  type IQueueBackend,
  type Job,
  type JobSchedulerJson,
  type JobSchedulerTemplateOptions,
  type JobsOptions,
  type JobType,
  type ParentOptions,
  type QueueOptions,
  type RedisQueueBackend,
  type RepeatOptions,
} from 'bullmq';
import { detached } from './bullmq/constructed-outside.ts';
import { guardMethods } from './bullmq/guard-methods.ts';
import { reach } from './bullmq/with-server-errors.ts';
import { central, currentStamp, eachTenant, outsideScope, ownId, type Stamp, stamped, stampIn } from './jobs/owner.ts';

const DetachedQueue: typeof BullQueue = detached(BullQueue);

type JobTemplate<Data, Name extends string> = { name?: Name; data?: Data; opts?: JobSchedulerTemplateOptions };

/**
 * BullMQ's Queue, whose jobs are the tenant's that adds them. In a tenant's scope it shows and touches that tenant's jobs only,
 * and ids that are given (`jobId`, deduplication, schedulers) are that tenant's own. In central, and outside all scopes, it
 * shows the jobs of all, as BullMQ does; but outside, nothing can be added.
 *
 * Adding rejects with OUTSIDE_SCOPE, CROSS_TENANT (a parent that is another's) or SERVER_UNAVAILABLE.
 * @example
 * const emails = new Queue<Email>('emails', { connection });
 * await tenancy.run('acme', () => emails.add('welcome', { to: 'ada@acme.test' }));
 */
export class Queue<
  Data = unknown,
  Result = unknown,
  Name extends string = string,
  B extends IQueueBackend = RedisQueueBackend,
  C = ConnectionOptions,
> extends DetachedQueue<Data, Result, Name, Data, Result, Name, B, C> {
  /** Of a handle, whose tenant does not depend on the scope it is used in. */
  declare protected readonly stamp?: Stamp;

  constructor(name: string, opts: QueueOptions<C>, backend?: BackendFactory<B, C>) {
    super(name, opts as never, backend as never);
  }

  override add(name: Name, data: Data, opts?: JobsOptions): Promise<Job<Data, Result, Name>> {
    return this.adding(async (stamp) => {
      if (opts?.parent !== undefined) await refuseForeignParent(this.backend, stamp, opts.parent);
      return super.add(name, data, stamped(stamp, opts));
    });
  }

  override addBulk(jobs: { name: Name; data: Data; opts?: BulkJobOptions }[]): Promise<Job<Data, Result, Name>[]> {
    return this.adding(async (stamp) => {
      for (const { opts } of jobs) {
        if (opts?.parent !== undefined) await refuseForeignParent(this.backend, stamp, opts.parent);
      }
      return super.addBulk(jobs.map((job) => ({ ...job, opts: stamped(stamp, job.opts) })));
    });
  }

  override upsertJobScheduler(
    id: Name,
    repeat: Omit<RepeatOptions, 'key'>,
    { name = id, data, opts }: JobTemplate<Data, Name> = {},
  ): Promise<Job<Data, Result, Name>> {
    return this.adding((stamp) =>
      this.upsertStamped(ownId(stamp, id), repeat, { name, data, opts: stamped(stamp, opts) }),
    );
  }

  /**
   * One schedule for all tenants, made in central: whenever it is due, a worker adds a job for each tenant that is active.
   * Rejects with OUTSIDE_SCOPE, CROSS_TENANT in a tenant's scope, or SERVER_UNAVAILABLE.
   */
  upsertJobSchedulerForTenants(
    id: Name,
    repeat: Omit<RepeatOptions, 'key'>,
    { name = id, data, opts }: JobTemplate<Data, Name> = {},
  ): Promise<Job<Data, Result, Name>> {
    return this.adding((stamp) => {
      if (stamp !== central)
        throw crossTenant(`A schedule for all tenants is made in central, not in a tenant's scope`);
      return this.upsertStamped(ownId(stamp, id), repeat, {
        name,
        data,
        opts: { ...opts, tenant: eachTenant } as never,
      });
    });
  }

  override getJob(id: string): ReturnType<BullQueue<Data, Result, Name, Data, Result, Name, B, C>['getJob']> {
    const stamp = this.viewer();
    return super.getJob(id).then(async (job) => {
      if (stamp === undefined || (job !== undefined && sees(stamp, job))) return job;
      const own = id === ownId(stamp, id) ? undefined : await super.getJob(ownId(stamp, id));
      return own !== undefined && sees(stamp, own) ? own : undefined;
    });
  }

  /** In a tenant's scope a range may give fewer jobs than it is long: it counts the jobs of all. */
  override getJobs(
    types?: JobType[] | JobType,
    start?: number,
    end?: number,
    asc?: boolean,
  ): ReturnType<BullQueue<Data, Result, Name, Data, Result, Name, B, C>['getJobs']> {
    const stamp = this.viewer();
    const all: this = Object.create(this, { viewer: { value: () => undefined } });
    return super.getJobs
      .call(all, types, start, end, asc)
      .then((jobs) => (stamp === undefined ? jobs : jobs.filter((job) => sees(stamp, job))));
  }

  override async getJobSchedulers(start?: number, end?: number, asc?: boolean): Promise<JobSchedulerJson<Data>[]> {
    const schedulers = await super.getJobSchedulers(start, end, asc);
    const stamp = this.viewer();
    return stamp === undefined || stamp === central
      ? schedulers
      : schedulers.filter(({ key }) => key.startsWith(`${stamp}.`));
  }

  /** The stamp of whoever uses the queue, or `undefined` outside all scopes. */
  protected viewer(): Stamp | undefined {
    return this.stamp ?? currentStamp();
  }

  private async adding<R>(add: (stamp: Stamp) => Promise<R>): Promise<R> {
    const stamp = this.viewer();
    if (stamp === undefined) throw outsideScope(this.name);
    return reach(this.name, stamp, () => add(stamp));
  }

  private upsertStamped(
    id: string,
    repeat: Omit<RepeatOptions, 'key'>,
    template: object,
  ): Promise<Job<Data, Result, Name>> {
    return super.upsertJobScheduler(id as Name, repeat, template as JobTemplate<Data, Name>);
  }
}

guardMethods(Queue.prototype);

/** What a child gives goes to its parent, which therefore has to be the same tenant's. */
export async function refuseForeignParent(backend: IQueueBackend, stamp: Stamp, parent: ParentOptions): Promise<void> {
  const colon = parent.queue.lastIndexOf(':');
  const queue = parent.queue.slice(colon + 1);
  const stored = await backend
    .forQueue(queue, colon < 0 ? undefined : parent.queue.slice(0, colon))
    .getJobData(parent.id);
  if (stored === undefined || stampIn(stored.opts) === stamp) return;
  throw crossTenant(
    `The job "${parent.id}" of "${queue}" was named as a parent by a job that is not of the same tenant`,
  );
}

function sees(stamp: Stamp, { opts }: { readonly opts: JobsOptions }): boolean {
  return stamp === central || stampIn(opts) === stamp;
}

function crossTenant(what: string): TenancyError {
  return new TenancyError('CROSS_TENANT', `${what}; enter the scope that it belongs to.`);
}
