import { Worker } from '@omnitenant/queue';
import type { RepeatOptions } from 'bullmq';
import type { Billing } from './billing.ts';
import { Invoice } from './entities.ts';

export type Job = { readonly kind: 'send'; readonly number: string } | { readonly kind: 'statement' };

/** Does the jobs of all tenants, who take turns; each job in the scope of its tenant. Close it before the tenancy. */
export function startWorker(billing: Billing): Worker<Job> {
  const { queue, redis, tenancy } = billing;
  const worker = new Worker<Job>(
    queue.name,
    ({ data }) => (data.kind === 'send' ? sendInvoice(billing, data.number) : writeStatement(billing)),
    { ...redis, tenancy, concurrency: 10, fair: true },
  );
  worker.on('error', (error) => console.error(error));
  worker.on('failed', (job, error) => console.error(job?.name, error));
  return worker;
}

/** One schedule, however many tenants there are: each has a statement of its own written. */
export async function scheduleStatements({ queue, tenancy }: Billing, when: RepeatOptions): Promise<void> {
  await tenancy.central(() => queue.upsertJobSchedulerForTenants('statement', when, { data: { kind: 'statement' } }));
}

async function sendInvoice({ orm, cache, documents, tenancy }: Billing, number: string): Promise<void> {
  const invoice = await orm.em.findOneOrFail(Invoice, { number });
  const text = `${tenancy.current().name} asks ${invoice.customer} for ${invoice.amount / 100}.`;
  await tenancy.use(documents).put(`invoice ${number}`, text);
  invoice.sent = true;
  await orm.em.flush();
  await cache.invalidate('invoices');
}

async function writeStatement({ orm, documents, tenancy }: Billing): Promise<void> {
  const invoices = await orm.em.find(Invoice, {}, { orderBy: { number: 'asc' } });
  const lines = invoices.map(({ number, customer, amount }) => `${number} ${customer} ${amount / 100}`);
  await tenancy.use(documents).put('statement', [tenancy.current().name, ...lines].join('\n'));
}
