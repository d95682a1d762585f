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
import { detached } from './bullmq/constructed-outside.ts';
import { type FairOptions, lineUp, takeTurns } from './fair/fair-scheduling.ts';
import { eachTenant, stampIn } from './jobs/owner.ts';
import { fanOut } from './processing/fan-out.ts';
import { type AdmissionOptions, admit } from './processing/process-job.ts';

const DetachedWorker: typeof BullWorker = detached(BullWorker);

/** BullMQ's options, and what a worker needs to know of tenants. */
export interface WorkerOptions<C = ConnectionOptions> extends BullWorkerOptions<C>, AdmissionOptions {
  /**
   * Lets tenants take turns, one job each, instead of first come, first served. All workers of a queue should say the same.
   * On Redis only.
   */
  readonly fair?: boolean | FairOptions;
}

/**
 * BullMQ's Worker, which does each job in the scope that it was added in. A job of a tenant that cannot be entered is held or
 * fails, with the error that `run` gives; one that says of no tenant that it is its own fails with JOB_WITHOUT_TENANT.
 * @throws CONFIG_INVALID where it is to be fair without Redis.
 * @example
 * const worker = new Worker<Email>('emails', async (job) => send(job.data), { connection, tenancy });
 */
export class Worker<
  Data = unknown,
  Result = unknown,
  Name extends string = string,
  B extends IQueueBackend = RedisQueueBackend,
  C = ConnectionOptions,
> extends DetachedWorker<Data, Result, Name, B, Job['progress'], C> {
  declare readonly opts: WorkerOptions<C>;

  constructor(
    name: string,
    processor: string | URL | null | undefined | Processor<Data, Result, Name>,
    opts: WorkerOptions<C>,
    backend?: BackendFactory<B, C>,
  ) {
    super(name, processor, opts as never, backend as never);
  }

  /** Runs in no scope, wherever it is called; so do `resume` and the stalled check. */
  override run(): Promise<void> {
    return outside(async () => {
      const fair = fairOptions(this.opts);
      if (fair !== undefined) await lineUp(this.backend as never, fair).catch((error) => this.emit('error', error));
      return super.run();
    });
  }

  override startStalledCheckTimer(): Promise<void> {
    return outside(() => super.startStalledCheckTimer());
  }

  protected override createBackend(): void {
    super.createBackend();
    const fair = fairOptions(this.opts);
    if (fair === undefined) return;
    if (!(this.backend instanceof RedisQueueBackend)) {
      const message = `The worker of "${this.name}" cannot be fair: tenants take turns on Redis only; leave \`fair\` out.`;
      throw new TenancyError('CONFIG_INVALID', message);
    }
    takeTurns(this.backend, fair);
  }

  protected override callProcessJob(
    job: Job<Data, Result, Name>,
    token: string,
    signal?: AbortSignal,
  ): Promise<Result> {
    return admit(job, token, this, () =>
      stampIn(job.opts) === eachTenant
        ? (fanOut(job, this as never, (jobs) => this.Job.createBulk(this as never, jobs)) as Result)
        : super.callProcessJob(job, token, signal),
    ) as Promise<Result>;
  }
}

function fairOptions({ fair = false }: Pick<WorkerOptions, 'fair'>): FairOptions | undefined {
  if (fair === false) return undefined;
  return fair === true ? {} : fair;
}
