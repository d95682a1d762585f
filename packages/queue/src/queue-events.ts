import { outside } from '@omnitenant/core';
import {
  type BackendFactory,
  QueueEvents as BullQueueEvents,
  type ConnectionOptions,
  type IQueueBackend,
  type QueueEventsOptions,
  type RedisQueueBackend,
} from 'bullmq';
import { detached } from './bullmq/constructed-outside.ts';

const DetachedQueueEvents: typeof BullQueueEvents = detached(BullQueueEvents);

/** BullMQ's QueueEvents, whose handlers run in no scope, wherever it was made. An event has the id of its job only. */
export class QueueEvents<
  Result = unknown,
  B extends IQueueBackend = RedisQueueBackend,
  C = ConnectionOptions,
> extends DetachedQueueEvents<Result, B, C> {
  constructor(name: string, opts: QueueEventsOptions<C>, backend?: BackendFactory<B, C>) {
    super(name, opts as never, backend as never);
  }

  override run(): Promise<void> {
    return outside(() => super.run());
  }
}
