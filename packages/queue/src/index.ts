export { FlowProducer } from './flow-producer.ts';
export { tenantProcessor } from './processor.ts';
export { Queue } from './queue.ts';
export { QueueEvents } from './queue-events.ts';
export { queueResource } from './resource.ts';
export type { FairOptions } from './turns.ts';
export { type BackendClasses, withBackend } from './with-backend.ts';
export { Worker, type WorkerOptions } from './worker.ts';
