import { outside, TenancyError, type Tenant } from '@omnitenant/core';
import { currentScope, incarnationOf, type OptionNames, usageOf } from '@omnitenant/core/extend';
import {
  type BackendFactory,
  Worker as BullWorker,
  type WorkerOptions as BullWorkerOptions,
  type ConnectionOptions,
  type IQueueBackend,
  type Job,
  type Processor,
  RedisQueueBackend,
  type Span,
  type WorkerListener,
} from 'bullmq';
import { constructedOutside } from './bullmq/constructed-outside.ts';
import { guardJobData } from './bullmq/guard-job-data.ts';
import { refuseMisspelled } from './bullmq/refuse-misspelled.ts';
import { nameTenantOf, withTenantSpans } from './bullmq/tenant-spans.ts';
import { type FairOptions, limitsOf, limitsOfAll } from './fair/fair-options.ts';
import { parkTenant, scheduleFairly, scheduleWaiting, shareLimits } from './fair/fair-scheduling.ts';
import { heedNewPriorities } from './fair/line-change.ts';
import { viewLinedUpAsWaiting } from './fair/waiting-view.ts';
import { indexJobs } from './job-index/job-index.ts';
import { ownerIn } from './jobs/owned-options.ts';
import { central, currentOwner, eachTenant, type Owner } from './jobs/owner.ts';
import { trace } from './jobs/queue-diagnostics.ts';
import { tenantOf } from './jobs/tenant-of.ts';
import { fanOut } from './processing/fan-out.ts';
import { delayedHolding, type Holding, parkedHolding } from './processing/holding.ts';
import { handleInJobScope, hasScope } from './processing/job-handlers.ts';
import { type JobScopeOptions, processJob } from './processing/process-job.ts';

const OutsideWorker: typeof BullWorker = constructedOutside(BullWorker);

/** BullMQ's options, and those about tenants. */
export interface WorkerOptions<C = ConnectionOptions> extends BullWorkerOptions<C>, JobScopeOptions {
  /**
   * Schedules fairly: tenants alternate, one job each, instead of first come, first served. Use the same value for all workers of
   * a queue. Redis only.
   */
  readonly fair?: boolean | FairOptions | undefined;
  /**
   * The time zone of a tenant, such as `Europe/Paris`. A schedule for all tenants with a `pattern` is due for each in its own.
   * Default: the schedule's own time zone.
   */
  readonly timeZone?: ((tenant: Tenant) => string | undefined) | undefined;
}

/**
 * BullMQ's Worker, which runs each job in the scope that it was added in. If the tenant cannot be entered, the job is held, or
 * fails with the error of `tenancy.run`. A job without a tenant, because it was added with BullMQ's own Queue, fails with
 * JOB_WITHOUT_TENANT.
 * @throws CONFIG_INVALID for `fair` without Redis, and for an option that looks like one of these.
 * @example
 * const worker = new Worker<Email>('emails', async (job) => send(job.data), { connection, tenancy });
 */
export class Worker<
  Data = unknown,
  Result = unknown,
  Name extends string = string,
  B extends IQueueBackend = RedisQueueBackend,
  C = ConnectionOptions,
> extends OutsideWorker<Data, Result, Name, B, Job['progress'], C> {
  declare readonly opts: WorkerOptions<C>;
  /** How a job is put back. */
  declare readonly holding: Holding;
  declare private handling?: Set<Promise<void>>;
  declare private shared?: Map<Owner, string>;

  constructor(
    name: string,
    processor: string | URL | null | undefined | Processor<Data, Result, Name>,
    opts: WorkerOptions<C>,
    backend?: BackendFactory<B, C>,
  ) {
    const options = refuseMisspelled(`The worker of the queue "${name}"`, opts, ownOptions);
    super(name, processor, withTenantSpans(options) as never, backend as never);
  }

  /** Runs outside all scopes, wherever it is called; so do `resume` and the stalled check. */
  override run(): Promise<void> {
    return outside(async () => {
      const fair = fairOptions(this.opts);
      if (fair !== undefined) {
        await scheduleWaiting(this.backend as never, limitsOfAll(fair)).catch((error) => {
          // A worker that is closed as it starts has its connection closed under it.
          if (!this.closing) this.emit('error', error);
        });
      }
      return super.run();
    });
  }

  override startStalledCheckTimer(): Promise<void> {
    return outside(() => super.startStalledCheckTimer());
  }

  /** In the scope of a tenant's job it holds back that tenant alone, and all jobs elsewhere. Throw a RateLimitError then. */
  override async rateLimit(durationMs: number): Promise<void> {
    const owner = currentOwner();
    if (owner === undefined || owner === central) return super.rateLimit(durationMs);
    await this.holding.holdBack(owner, Date.now() + durationMs);
  }

  /** The handlers of `active`, `completed`, `failed` and `progress` run in the job's scope, which lasts until they have settled. */
  override emit<Event extends keyof WorkerListener<Data, Result, Name>>(
    event: Event,
    ...args: Parameters<WorkerListener<Data, Result, Name>[Event]>
  ): boolean {
    const [job] = args as readonly unknown[];
    const handlers = this.rawListeners(event);
    if (handlers.length === 0 || !jobEvents.has(event) || !hasScope(job, this.opts)) return super.emit(event, ...args);
    this.handling ??= new Set();
    const { handling } = this;
    const handled = handleInJobScope(
      job,
      this.opts,
      handlers.map((handler) => () => handler.apply(this, args)),
    ).then((errors) => {
      for (const error of errors) super.emit('error', error as Error);
      handling.delete(handled);
    });
    handling.add(handled);
    return true;
  }

  override async close(force?: boolean): Promise<void> {
    await super.close(force);
    await Promise.all(this.handling ?? []);
  }

  protected override createBackend(): void {
    const fair = fairOptions(this.opts);
    const limits = fair && limitsOfAll(fair);
    super.createBackend();
    const { backend } = this;
    guardJobData(backend, currentOwner);
    if (backend instanceof RedisQueueBackend) {
      viewLinedUpAsWaiting(backend);
      heedNewPriorities(backend);
      indexJobs(backend);
      if (limits !== undefined) scheduleFairly(backend, limits);
    } else if (fair !== undefined) {
      const message = `The worker of the queue "${this.name}" has the option "fair", which requires Redis; remove it.`;
      throw new TenancyError('CONFIG_INVALID', message);
    }
    Object.defineProperty(this, 'holding', {
      value:
        limits === undefined
          ? delayedHolding(backend)
          : parkedHolding(backend, (owner, untilMs) => parkTenant(backend as never, limits, owner, untilMs)),
    });
  }

  protected override callProcessJob(
    job: Job<Data, Result, Name>,
    token: string,
    signal?: AbortSignal,
  ): Promise<Result> {
    const work = () =>
      processJob(job, token, this, async (tenant) => {
        const used = usageOf(currentScope());
        if (used !== undefined) used.jobs += 1;
        if (tenant !== undefined) await this.shareLimits(tenant);
        return ownerIn(job.opts) === eachTenant
          ? (fanOut(job, this as never, (jobs) => this.Job.createBulk(this as never, jobs)) as Result)
          : super.callProcessJob(job, token, signal);
      }) as Promise<Result>;
    const { id, name } = job;
    const hasTelemetry = this.opts.telemetry !== undefined;
    const message = () => ({ queue: this.name, name, id, tenant: tenantOf(job), hasTelemetry });
    return trace('omnitenant:queue:job', message, work);
  }

  protected override handleCompleted(
    result: Result,
    job: Job<Data, Result, Name>,
    token: string,
    fetchNext?: () => boolean,
    span?: Span,
  ): Promise<Job<Data, Result, Name>> {
    nameTenantOf(job, span);
    return super.handleCompleted(result, job, token, fetchNext, span);
  }

  protected override handleFailed(
    error: Error,
    job: Job<Data, Result, Name>,
    token: string,
    fetchNext?: () => boolean,
    span?: Span,
  ): Promise<Job<Data, Result, Name>> {
    nameTenantOf(job, span);
    return super.handleFailed(error, job, token, fetchNext, span);
  }

  /** Says what the tenant's limits are, if each has its own, and they are not those that this worker has said before. */
  private async shareLimits(tenant: Tenant): Promise<void> {
    const fair = fairOptions(this.opts);
    const { backend } = this as { readonly backend: unknown };
    if (fair === undefined || limitsOfAll(fair) !== '' || !(backend instanceof RedisQueueBackend)) return;
    this.shared ??= new Map();
    const owner = incarnationOf(tenant);
    try {
      const limits = limitsOf(fair, tenant);
      if (this.shared.get(owner) === limits) return;
      await shareLimits(backend, owner, limits);
      this.shared.set(owner, limits);
    } catch (error) {
      this.emit('error', error as Error);
    }
  }
}

const ownOptions: OptionNames<Omit<WorkerOptions, keyof BullWorkerOptions>> = {
  closedTenants: true,
  fair: true,
  holdForMs: true,
  tenancy: true,
  tenantOf: true,
  timeZone: true,
};

const jobEvents: ReadonlySet<string> = new Set(['active', 'completed', 'failed', 'progress']);

function fairOptions({ fair = false }: Pick<WorkerOptions, 'fair'>): FairOptions | undefined {
  if (fair === false) return undefined;
  return fair === true ? {} : fair;
}
