import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import { isTenancyError } from '@omnitenant/core';
import { type Queue, tenantOf } from '@omnitenant/queue';
import type { RequestHandler } from 'express';

/** bull-board for operators: the jobs of all tenants, each named with its tenant. */
export function operatorsBoard(queue: Pick<Queue, 'name'>, basePath: string): RequestHandler {
  const adapter = new BullMQAdapter(queue as never);
  adapter.setFormatter('name', (job) => `${tenantOf(job) ?? 'central'}: ${job.name}`);
  return board(adapter, basePath, 'All tenants');
}

/**
 * bull-board for a tenant, mounted behind the tenancy's middleware: the queue is the scope's. What concerns all tenants, such as "empty",
 * is refused, and Redis and the workers, which serve all of them, are not shown.
 */
export function tenantsBoard(queue: Pick<Queue, 'name'>, basePath: string): RequestHandler {
  return board(new BullMQAdapter(queue as never), basePath, 'Jobs', { hideRedisDetails: true, showWorkers: false });
}

function board(adapter: BullMQAdapter, basePath: string, boardTitle: string, uiConfig = {}): RequestHandler {
  const serverAdapter = new ExpressAdapter().setBasePath(basePath);
  createBullBoard({ queues: [adapter], serverAdapter, options: { uiConfig: { boardTitle, ...uiConfig } } });
  serverAdapter.setErrorHandler((error) => {
    // What concerns the jobs of all tenants.
    if (isTenancyError(error, 'CROSS_TENANT')) return { status: 403, body: { message: error.message } };
    console.error(error);
    return { status: 500, body: { message: 'The board has failed.' } };
  });
  return serverAdapter.getRouter();
}
