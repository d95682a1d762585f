import { outside, TenancyError } from '@omnitenant/core';
import {
  type BackendFactory,
  Worker as BullWorker,
  type WorkerOptions as BullWorkerOptions,
  type ConnectionOptions,
  type IQueueBackend,
  type Job,
  type Processor,
  RedisQueueBackend,
} from 'bullmq';
import { constructedOutside } from './bullmq/constructed-outside.ts';
import { guardJobData } from './bullmq/guard-job-data.ts';
import { encodeLimits, type FairOptions } from './fair/fair-options.ts';
import { scheduleFairly, scheduleWaiting } from './fair/fair-scheduling.ts';
import { viewLinedUpAsWaiting } from './fair/waiting-view.ts';
import { indexJobs } from './job-index/job-index.ts';
import { ownerIn } from './jobs/owned-options.ts';
import { currentOwner, eachTenant } from './jobs/owner.ts';
import { fanOut } from './processing/fan-out.ts';
import { type JobScopeOptions, processJob } from './processing/process-job.ts';

const OutsideWorker: typeof BullWorker = constructedOutside(BullWorker);

/** BullMQ's options, and those about tenants. */
export interface WorkerOptions<C = ConnectionOptions> extends BullWorkerOptions<C>, JobScopeOptions {
  /**
   * Schedules fairly: tenants alternate, one job each, instead of first come, first served. Use the same value for all workers of
   * a queue. Redis only.
   */
  readonly fair?: boolean | FairOptions | undefined;
}

/**
 * BullMQ's Worker, which runs each job in the scope that it was added in. If the tenant cannot be entered, the job is held, or
 * fails with the error of `tenancy.run`. A job without a tenant, because it was added with BullMQ's own Queue, fails with
 * JOB_WITHOUT_TENANT.
 * @throws CONFIG_INVALID for `fair` without Redis.
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

  constructor(
    name: string,
    processor: string | URL | null | undefined | Processor<Data, Result, Name>,
    opts: WorkerOptions<C>,
    backend?: BackendFactory<B, C>,
  ) {
    super(name, processor, opts as never, backend as never);
  }

  /** Runs outside all scopes, wherever it is called; so do `resume` and the stalled check. */
  override run(): Promise<void> {
    return outside(async () => {
      const fair = fairOptions(this.opts);
      if (fair !== undefined)
        await scheduleWaiting(this.backend as never, encodeLimits(fair)).catch((error) => this.emit('error', error));
      return super.run();
    });
  }

  override startStalledCheckTimer(): Promise<void> {
    return outside(() => super.startStalledCheckTimer());
  }

  protected override createBackend(): void {
    super.createBackend();
    const fair = fairOptions(this.opts);
    guardJobData(this.backend, currentOwner);
    if (this.backend instanceof RedisQueueBackend) {
      viewLinedUpAsWaiting(this.backend);
      indexJobs(this.backend);
    }
    if (fair === undefined) return;
    if (!(this.backend instanceof RedisQueueBackend)) {
      const message = `The worker of the queue "${this.name}" has the option "fair", which requires Redis; remove it.`;
      throw new TenancyError('CONFIG_INVALID', message);
    }
    scheduleFairly(this.backend, encodeLimits(fair));
  }

  protected override callProcessJob(
    job: Job<Data, Result, Name>,
    token: string,
    signal?: AbortSignal,
  ): Promise<Result> {
    return processJob(job, token, this, () =>
      ownerIn(job.opts) === eachTenant
        ? (fanOut(job, this as never, (jobs) => this.Job.createBulk(this as never, jobs)) as Result)
        : super.callProcessJob(job, token, signal),
    ) as Promise<Result>;
  }
}

function fairOptions({ fair = false }: Pick<WorkerOptions, 'fair'>): FairOptions | undefined {
  if (fair === false) return undefined;
  return fair === true ? {} : fair;
}
