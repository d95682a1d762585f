import { TenancyError, type Tenant } from '@omnitenant/core';
import { currentScope, type OptionNames } from '@omnitenant/core/extend';
import {
  type BackendFactory,
  type BulkJobOptions,
  Queue as BullQueue,
  type QueueOptions as BullQueueOptions,
  type ConnectionOptions,
  type IQueueBackend,
  type Job,
  type JobSchedulerJson,
  type JobSchedulerTemplateOptions,
  type JobsOptions,
  type JobType,
  RedisQueueBackend,
  type RepeatOptions,
} from 'bullmq';
import { constructedOutside } from './bullmq/constructed-outside.ts';
import { refuseForeignParent } from './bullmq/foreign-parent.ts';
import { guardJobData } from './bullmq/guard-job-data.ts';
import { guardJobs } from './bullmq/guard-jobs.ts';
import { affectsAll, guardMethods } from './bullmq/guard-methods.ts';
import { refuseMisspelled } from './bullmq/refuse-misspelled.ts';
import { withTenantSpans } from './bullmq/tenant-spans.ts';
import { backlogFull, withServerErrors } from './bullmq/with-server-errors.ts';
import { cleanLinedUp } from './fair/clean-lined-up.ts';
import {
  forgetAll,
  heldBackJobs,
  isTenantPaused,
  parkTenant,
  pauseTenant,
  resumeTenant,
} from './fair/fair-scheduling.ts';
import { heedNewPriorities } from './fair/line-change.ts';
import { viewLinedUpAsWaiting } from './fair/waiting-view.ts';
import { callIndex, indexJobs } from './job-index/job-index.ts';
import { isOwnId, ownedOptions, ownerIn, ownId } from './jobs/owned-options.ts';
import { central, crossTenant, currentOwner, eachTenant, type Owner, outsideScope } from './jobs/owner.ts';
import { tenantOf } from './jobs/tenant-of.ts';
import { timeZoneOf } from './jobs/time-zone.ts';
import { type QueueStats, queueStats } from './queue-stats.ts';
import { type TenantView, tenantView } from './tenant-view.ts';

const OutsideQueue: typeof BullQueue = constructedOutside(BullQueue);

type JobTemplate<Data, Name extends string> = { name?: Name; data?: Data; opts?: JobSchedulerTemplateOptions };

/** BullMQ's options, and one about tenants. */
export interface QueueOptions<C = ConnectionOptions> extends BullQueueOptions<C> {
  /**
   * The maximum number of unfinished jobs of a tenant: waiting, delayed, active or waiting for children. Adding more rejects with
   * BACKLOG_FULL; `addBulk` then adds none. Schedules, flows and central have no limit. Default: no limit. Redis only.
   */
  readonly maxBacklog?: number | ((tenant: Tenant) => number | undefined) | undefined;
  /** The time zone of a tenant, such as `Europe/Paris`: the default of `tz` for the schedules that it creates. */
  readonly timeZone?: ((tenant: Tenant) => string | undefined) | undefined;
}

/**
 * BullMQ's Queue. A job belongs to the tenant that adds it. In a tenant's scope the queue shows and changes only that tenant's
 * jobs, and the ids that the application chooses (`jobId`, deduplication, schedulers) are that tenant's own. In central, and
 * outside all scopes, it shows all jobs, as BullMQ does; outside all scopes nothing can be added.
 *
 * Adding rejects with OUTSIDE_SCOPE, CROSS_TENANT (the parent is another tenant's), BACKLOG_FULL or SERVER_UNAVAILABLE.
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

  /** @throws CONFIG_INVALID for `maxBacklog` without Redis, and for an option that looks like one of these. */
  constructor(name: string, opts: QueueOptions<C>, backend?: BackendFactory<B, C>) {
    super(name, withTenantSpans(refuseMisspelled(`The queue "${name}"`, opts, ownOptions)) as never, backend as never);
    // BullMQ listens to the queue once for each caller that waits for a job to finish.
    this.setMaxListeners(0);
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
      await this.refuseFull(owner, jobs.length);
      return super.addBulk(jobs.map((job) => ({ ...job, opts: ownedOptions(owner, job.opts) })));
    });
  }

  override upsertJobScheduler(
    id: Name,
    repeat: Omit<RepeatOptions, 'key'>,
    { name = id, data, opts }: JobTemplate<Data, Name> = {},
  ): Promise<Job<Data, Result, Name>> {
    return this.adding((owner) => {
      const tenant = currentTenant();
      const tz = repeat.tz ?? (tenant && timeZoneOf(tenant, (this.opts as QueueOptions).timeZone));
      const zoned = tz === undefined || repeat.pattern === undefined ? repeat : { ...repeat, tz };
      return this.upsertOwned(ownId(owner, id), zoned, { name, data, opts: ownedOptions(owner, opts) });
    });
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

  /** In a tenant's scope the range counts that tenant's jobs, in the order in which they were added or finished. */
  override async getJobs(
    types?: JobType[] | JobType,
    start = 0,
    end = -1,
    asc = false,
  ): ReturnType<BullQueue<Data, Result, Name, Data, Result, Name, B, C>['getJobs']> {
    const view = this.tenantView();
    if (view === undefined) return super.getJobs(types, start, end, asc);
    const ids = await view.ids(typesOf(types), { start, end, ascending: asc });
    const jobs = await Promise.all(ids.map((id) => super.getJob(id)));
    return jobs.filter((job) => job !== undefined);
  }

  /** In a tenant's scope these are the counts of that tenant's jobs; so are those of BullMQ's other methods that count. */
  override async getJobCounts(...types: JobType[]): Promise<Record<string, number>> {
    const view = this.tenantView();
    return view === undefined ? super.getJobCounts(...types) : view.counts(typesOf(types));
  }

  /**
   * Counts the jobs of all tenants, on the queue's server. Call it in central or outside all scopes; where many tenants wait, every few
   * seconds at most. Rejects with CROSS_TENANT in a tenant's scope.
   */
  async stats(): Promise<QueueStats> {
    const counts = await super.getJobCounts(...allTypes);
    return queueStats(counts, this.backend instanceof RedisQueueBackend ? await heldBackJobs(this.backend) : 0);
  }

  override async getDelayedCount(timestamp?: number): Promise<number> {
    if (timestamp === undefined || this.tenantView() === undefined) return super.getDelayedCount(timestamp);
    const delayed = await this.getJobs('delayed');
    return delayed.filter((job) => job.timestamp + job.delay < timestamp).length;
  }

  override async getCountsPerPriority(priorities: number[]): Promise<Record<string, number>> {
    if (this.tenantView() === undefined) return super.getCountsPerPriority(priorities);
    const jobs = await this.getJobs(['waiting', 'prioritized']);
    const countOf = (priority: number) => jobs.filter((job) => job.priority === priority).length;
    return Object.fromEntries([...new Set(priorities)].map((priority) => [priority, countOf(priority)]));
  }

  override async getJobSchedulers(start = 0, end = -1, asc = false): Promise<JobSchedulerJson<Data>[]> {
    const view = this.tenantView();
    if (view === undefined) return super.getJobSchedulers(start, end, asc);
    const ids = await view.scheduleIds();
    const found = await Promise.all(ids.map((id) => super.getJobScheduler(id)));
    const schedulers = found.filter((scheduler) => scheduler !== undefined);
    schedulers.sort((one, other) => ((one.next ?? 0) - (other.next ?? 0)) * (asc ? 1 : -1));
    return schedulers.slice(start, end === -1 ? undefined : end + 1);
  }

  override async getJobSchedulersCount(): Promise<number> {
    const view = this.tenantView();
    return view === undefined ? super.getJobSchedulersCount() : (await view.scheduleIds()).length;
  }

  /**
   * In a tenant's scope it stops that tenant's jobs alone, until `resume`. Workers with `fair` heed it. So it is with `resume`, `isPaused`
   * and `rateLimit`, which stops them for so many ms.
   */
  override async pause(): Promise<void> {
    const tenant = this.tenantOnRedis('pause');
    return tenant === undefined ? super.pause() : pauseTenant(...tenant);
  }

  override async resume(): Promise<void> {
    const tenant = this.tenantOnRedis('resume');
    return tenant === undefined ? super.resume() : resumeTenant(...tenant);
  }

  override async isPaused(): Promise<boolean> {
    const viewer = this.viewer();
    if (await super.isPaused()) return true;
    if (viewer === undefined || viewer === central || !(this.backend instanceof RedisQueueBackend)) return false;
    return isTenantPaused(this.backend, viewer);
  }

  override async rateLimit(durationMs: number): Promise<void> {
    const tenant = this.tenantOnRedis('rateLimit');
    if (tenant === undefined) return super.rateLimit(durationMs);
    await parkTenant(tenant[0], '', tenant[1], Date.now() + durationMs);
  }

  override async obliterate(opts?: { force?: boolean; count?: number }): Promise<void> {
    await super.obliterate(opts);
    if (!(this.backend instanceof RedisQueueBackend)) return;
    await forgetAll(this.backend);
    await callIndex(this.backend, 'forgetAll');
  }

  protected override createBackend(): void {
    super.createBackend();
    guardJobs(this.backend, () => this.viewer());
    guardJobData(this.backend, () => this.viewer());
    if (this.backend instanceof RedisQueueBackend) {
      viewLinedUpAsWaiting(this.backend);
      heedNewPriorities(this.backend);
      cleanLinedUp(this.backend);
      indexJobs(this.backend, () => this.maxBacklog());
    } else if (this.maxBacklogOption() !== undefined) {
      const message = `The queue "${this.name}" has the option "maxBacklog", which requires Redis; remove it.`;
      throw new TenancyError('CONFIG_INVALID', message);
    }
  }

  /** The owner in whose name the queue is used, or `undefined` outside all scopes. */
  protected viewer(): Owner | undefined {
    return this.owner ?? currentOwner();
  }

  private maxBacklogOption(): QueueOptions['maxBacklog'] {
    return (this.opts as QueueOptions).maxBacklog;
  }

  /** The limit of the scope's tenant. */
  private maxBacklog(): number | undefined {
    const tenant = currentTenant();
    if (tenant === undefined) return undefined;
    const option = this.maxBacklogOption();
    return typeof option === 'function' ? option(tenant) : option;
  }

  private async refuseFull(owner: Owner, count: number): Promise<void> {
    const max = this.maxBacklog();
    if (max === undefined || !(this.backend instanceof RedisQueueBackend)) return;
    const unfinished = Number(await callIndex(this.backend, 'count', owner, max - count + 1));
    if (unfinished + count > max) throw backlogFull(this.name, tenantOf({ opts: { tenant: owner } }));
  }

  /** @throws CROSS_TENANT in a tenant's scope without Redis. */
  private tenantOnRedis(method: string): [RedisQueueBackend, Owner] | undefined {
    const viewer = this.viewer();
    if (viewer === undefined || viewer === central) return undefined;
    if (!(this.backend instanceof RedisQueueBackend)) throw affectsAll(method, this.name);
    return [this.backend, viewer];
  }

  private tenantView(): TenantView | undefined {
    const viewer = this.viewer();
    return viewer === undefined || viewer === central ? undefined : tenantView(this.backend, viewer);
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

const ownOptions: OptionNames<Omit<QueueOptions, keyof BullQueueOptions>> = { maxBacklog: true, timeZone: true };

const allTypes: readonly JobType[] = [
  ...(['active', 'completed', 'delayed', 'failed', 'prioritized', 'waiting', 'waiting-children'] as const),
];

function typesOf(types: JobType[] | JobType = []): readonly JobType[] {
  const asked = typeof types === 'string' ? [types] : [...new Set(types)];
  return asked.length === 0 ? allTypes : asked;
}

function currentTenant(): Tenant | undefined {
  const scope = currentScope();
  return scope?.kind === 'tenant' ? scope.tenant : undefined;
}

function sees(viewer: Owner, { opts }: { readonly opts: JobsOptions }): boolean {
  return viewer === central || ownerIn(opts) === viewer;
}
