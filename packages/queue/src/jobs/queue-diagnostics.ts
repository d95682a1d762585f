import { publisher, tracer } from '@omnitenant/core/extend';

/** Messages of queues, by the name of the channel in `node:diagnostics_channel`. Without a listener they cost nothing. */
export interface QueueDiagnostics {
  /** A job was not added, as its tenant has too many unfinished ones. */
  'omnitenant:queue:refused': {
    readonly code: string;
    readonly queue: string;
    readonly tenant: string | undefined;
    readonly message: string;
  };
}

/** Traced operations of workers, by the name of the tracing channel in `node:diagnostics_channel`. */
export interface QueueTraces {
  /**
   * A worker works on a job, in the scope that the job was added in. It fails also where the job is put back: with a DelayedError,
   * a WaitingError, a WaitingChildrenError or a RateLimitError of BullMQ.
   */
  'omnitenant:queue:job': {
    readonly queue: string;
    readonly name: string;
    readonly id: string | undefined;
    readonly tenant: string | undefined;
    /** Whether the worker has BullMQ's option `telemetry`, which makes a span of the job. */
    readonly hasTelemetry: boolean;
  };
}

export const publish: ReturnType<typeof publisher<QueueDiagnostics>> = publisher();

export const trace: ReturnType<typeof tracer<QueueTraces>> = tracer();
