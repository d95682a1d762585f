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
  type QueueOptions,
  RedisQueueBackend,
  type RepeatOptions,
} from 'bullmq';
import { constructedOutside } from './bullmq/constructed-outside.ts';
import { refuseForeignParent } from './bullmq/foreign-parent.ts';
import { guardMethods } from './bullmq/guard-methods.ts';
import { withServerErrors } from './bullmq/with-server-errors.ts';
import { forgetAll } from './fair/fair-scheduling.ts';
import { viewLinedUpAsWaiting } from './fair/waiting-view.ts';
import { isOwnId, ownedOptions, ownerIn, ownId } from './jobs/owned-options.ts';
import { central, crossTenant, currentOwner, eachTenant, type Owner, outsideScope } from './jobs/owner.ts';

const OutsideQueue: typeof BullQueue = constructedOutside(BullQueue);

type JobTemplate<Data, Name extends string> = { name?: Name; data?: Data; opts?: JobSchedulerTemplateOptions };

/**
 * BullMQ's Queue. A job belongs to the tenant that adds it. In a tenant's scope the queue shows and changes only that tenant's
 * jobs, and the ids that the application chooses (`jobId`, deduplication, schedulers) are that tenant's own. In central, and
 * outside all scopes, it shows all jobs, as BullMQ does; outside all scopes nothing can be added.
 *
 * Adding rejects with OUTSIDE_SCOPE, CROSS_TENANT (the parent is another tenant's) or SERVER_UNAVAILABLE.
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
> extends OutsideQueue<Data, Result, Name, Data, Result, Name, B, C> {
  /** The owner of a handle, which does not depend on the scope that the handle is used in. */
  declare protected readonly owner?: Owner;

  constructor(name: string, opts: QueueOptions<C>, backend?: BackendFactory<B, C>) {
    super(name, opts as never, backend as never);
  }

  override add(name: Name, data: Data, opts?: JobsOptions): Promise<Job<Data, Result, Name>> {
    return this.adding(async (owner) => {
      if (opts?.parent !== undefined) await refuseForeignParent(this.backend, owner, opts.parent);
      return super.add(name, data, ownedOptions(owner, opts));
    });
  }

  override addBulk(jobs: { name: Name; data: Data; opts?: BulkJobOptions }[]): Promise<Job<Data, Result, Name>[]> {
    return this.adding(async (owner) => {
      for (const { opts } of jobs) {
        if (opts?.parent !== undefined) await refuseForeignParent(this.backend, owner, opts.parent);
      }
      return super.addBulk(jobs.map((job) => ({ ...job, opts: ownedOptions(owner, job.opts) })));
    });
  }

  override upsertJobScheduler(
    id: Name,
    repeat: Omit<RepeatOptions, 'key'>,
    { name = id, data, opts }: JobTemplate<Data, Name> = {},
  ): Promise<Job<Data, Result, Name>> {
    return this.adding((owner) =>
      this.upsertOwned(ownId(owner, id), repeat, { name, data, opts: ownedOptions(owner, opts) }),
    );
  }

  /**
   * Creates one schedule for all tenants, in central. Each time it is due, a worker adds a job for each active tenant.
   * Rejects with OUTSIDE_SCOPE, CROSS_TENANT in a tenant's scope, or SERVER_UNAVAILABLE.
   */
  upsertJobSchedulerForTenants(
    id: Name,
    repeat: Omit<RepeatOptions, 'key'>,
    { name = id, data, opts }: JobTemplate<Data, Name> = {},
  ): Promise<Job<Data, Result, Name>> {
    return this.adding((owner) => {
      if (owner !== central) throw crossTenant(`The schedule "${id}" for all tenants belongs to central`);
      const template = { name, data, opts: { ...opts, tenant: eachTenant } };
      return this.upsertOwned(ownId(owner, id), repeat, template);
    });
  }

  override getJob(id: string): ReturnType<BullQueue<Data, Result, Name, Data, Result, Name, B, C>['getJob']> {
    const viewer = this.viewer();
    return super.getJob(id).then(async (job) => {
      if (viewer === undefined || (job !== undefined && sees(viewer, job))) return job;
      const own = isOwnId(viewer, id) ? undefined : await super.getJob(ownId(viewer, id));
      return own !== undefined && sees(viewer, own) ? own : undefined;
    });
  }

  /** The range counts the jobs of all tenants, so in a tenant's scope the result may be shorter than the range. */
  override getJobs(
    types?: JobType[] | JobType,
    start?: number,
    end?: number,
    asc?: boolean,
  ): ReturnType<BullQueue<Data, Result, Name, Data, Result, Name, B, C>['getJobs']> {
    const viewer = this.viewer();
    const all: this = Object.create(this, { viewer: { value: () => undefined } });
    return super.getJobs
      .call(all, types, start, end, asc)
      .then((jobs) => (viewer === undefined ? jobs : jobs.filter((job) => sees(viewer, job))));
  }

  override async getJobSchedulers(start?: number, end?: number, asc?: boolean): Promise<JobSchedulerJson<Data>[]> {
    const schedulers = await super.getJobSchedulers(start, end, asc);
    const viewer = this.viewer();
    if (viewer === undefined || viewer === central) return schedulers;
    return schedulers.filter(({ key }) => isOwnId(viewer, key));
  }

  override async obliterate(opts?: { force?: boolean; count?: number }): Promise<void> {
    await super.obliterate(opts);
    if (this.backend instanceof RedisQueueBackend) await forgetAll(this.backend);
  }

  protected override createBackend(): void {
    super.createBackend();
    if (this.backend instanceof RedisQueueBackend) viewLinedUpAsWaiting(this.backend);
  }

  /** The owner in whose name the queue is used, or `undefined` outside all scopes. */
  protected viewer(): Owner | undefined {
    return this.owner ?? currentOwner();
  }

  private async adding<R>(add: (owner: Owner) => Promise<R>): Promise<R> {
    const owner = this.viewer();
    if (owner === undefined) throw outsideScope(this.name);
    return withServerErrors(this.name, owner, () => add(owner));
  }

  private upsertOwned(
    id: string,
    repeat: Omit<RepeatOptions, 'key'>,
    template: object,
  ): Promise<Job<Data, Result, Name>> {
    return super.upsertJobScheduler(id as Name, repeat, template as JobTemplate<Data, Name>);
  }
}

guardMethods(Queue.prototype);

function sees(viewer: Owner, { opts }: { readonly opts: JobsOptions }): boolean {
  return viewer === central || ownerIn(opts) === viewer;
}
