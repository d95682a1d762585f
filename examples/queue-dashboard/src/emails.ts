import { createTenancy, fromDomain, memoryStore, type Tenancy } from '@omnitenant/core';
import { Queue, queueResource, Worker } from '@omnitenant/queue';
import { type ConnectionOptions, UnrecoverableError } from 'bullmq';

interface Email {
  readonly to: string;
}

export interface Emails {
  readonly queue: Queue<Email>;
  readonly tenancy: Tenancy;
  readonly worker: Worker<Email>;
  close(): Promise<void>;
}

/** A queue that all tenants share, and a worker that takes their jobs in turns. */
export function openEmails(connection: ConnectionOptions, prefix = 'bull'): Emails {
  const queue = new Queue<Email>('emails', { connection, prefix });
  const tenancy = createTenancy({
    store: memoryStore(),
    resolver: fromDomain(),
    publicHosts: ['localhost'],
    resources: [queueResource(queue)],
  });
  const worker = new Worker<Email>('emails', send, { connection, prefix, tenancy, fair: true });
  return {
    queue,
    tenancy,
    worker,
    async close() {
      await worker.close();
      await tenancy.close();
    },
  };
}

async function send({ data: { to } }: { readonly data: Email }): Promise<string> {
  if (!to.includes('@')) throw new UnrecoverableError(`"${to}" is no address`);
  return `sent to ${to}`;
}
