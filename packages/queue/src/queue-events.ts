import { outside } from '@omnitenant/core';
import {
  type BackendFactory,
  QueueEvents as BullQueueEvents,
  type ConnectionOptions,
  type IQueueBackend,
  type QueueEventsOptions,
  type RedisQueueBackend,
} from 'bullmq';
import { constructedOutside } from './bullmq/constructed-outside.ts';

const OutsideQueueEvents: typeof BullQueueEvents = constructedOutside(BullQueueEvents);

/** BullMQ's QueueEvents. Its handlers run outside all scopes, wherever it was constructed, because an event names a job only by its id. */
export class QueueEvents<
  Result = unknown,
  B extends IQueueBackend = RedisQueueBackend,
  C = ConnectionOptions,
> extends OutsideQueueEvents<Result, B, C> {
  constructor(name: string, opts: QueueEventsOptions<C>, backend?: BackendFactory<B, C>) {
    super(name, opts as never, backend as never);
  }

  override run(): Promise<void> {
    return outside(() => super.run());
  }
}
