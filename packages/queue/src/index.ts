export type { FairOptions, Rate } from './fair/fair-options.ts';
export { FlowProducer } from './flow-producer.ts';
export { tenantOf } from './jobs/tenant-of.ts';
export { Queue, type QueueOptions } from './queue.ts';
export { QueueEvents } from './queue-events.ts';
export { queueResource } from './queue-resource.ts';
export { tenantProcessor } from './tenant-processor.ts';
export { type BackendClasses, withBackend } from './with-backend.ts';
export { Worker, type WorkerOptions } from './worker.ts';
