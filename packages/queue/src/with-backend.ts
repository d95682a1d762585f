import type { BackendFactory, FlowProducerOptions, IQueueBackend, Processor, QueueEventsOptions } from 'bullmq';
import { FlowProducer } from './flow-producer.ts';
import { Queue, type QueueOptions } from './queue.ts';
import { QueueEvents } from './queue-events.ts';
import { Worker, type WorkerOptions } from './worker.ts';

/** The classes on another BullMQ backend than Redis, with that backend's connection options. */
export interface BackendClasses<B extends IQueueBackend, C> {
  readonly Queue: new <Data = unknown, Result = unknown, Name extends string = string>(
    name: string,
    opts: QueueOptions<C>,
  ) => Queue<Data, Result, Name, B, C>;
  readonly Worker: new <Data = unknown, Result = unknown, Name extends string = string>(
    name: string,
    processor: string | URL | null | undefined | Processor<Data, Result, Name>,
    opts: WorkerOptions<C>,
  ) => Worker<Data, Result, Name, B, C>;
  readonly QueueEvents: new <Result = unknown>(name: string, opts: QueueEventsOptions<C>) => QueueEvents<Result, B, C>;
  readonly FlowProducer: new (opts: FlowProducerOptions<C>) => FlowProducer<B, C>;
}

/**
 * The classes on another BullMQ backend than Redis, such as PostgreSQL.
 * @example
 * const { Queue, Worker } = withBackend(createPostgresBackend);
 * const emails = new Queue<Email>('emails', { connection: 'postgres://…' });
 */
export function withBackend<B extends IQueueBackend, C>(backend: BackendFactory<B, C>): BackendClasses<B, C> {
  return {
    Queue: class<Data, Result, Name extends string> extends Queue<Data, Result, Name, B, C> {
      constructor(name: string, opts: QueueOptions<C>) {
        super(name, opts, backend);
      }
    },
    Worker: class<Data, Result, Name extends string> extends Worker<Data, Result, Name, B, C> {
      constructor(
        name: string,
        processor: string | URL | null | undefined | Processor<Data, Result, Name>,
        opts: WorkerOptions<C>,
      ) {
        super(name, processor, opts, backend);
      }
    },
    QueueEvents: class<Result> extends QueueEvents<Result, B, C> {
      constructor(name: string, opts: QueueEventsOptions<C>) {
        super(name, opts, backend);
      }
    },
    FlowProducer: class extends FlowProducer<B, C> {
      constructor(opts: FlowProducerOptions<C>) {
        super(opts, backend);
      }
    },
  };
}
