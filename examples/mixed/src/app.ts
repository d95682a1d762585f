import { UniqueConstraintViolationException } from '@mikro-orm/core';
import { isTenancyError } from '@omnitenant/core';
import { tenancyMiddleware } from '@omnitenant/hono';
import { Hono } from 'hono';
import type { Billing } from './billing.ts';
import { Invoice } from './entities.ts';

/** A tenant's routes. None says how the tenant is isolated, or which it is. */
export function createApp({ tenancy, orm, cache, documents, queue }: Billing): Hono {
  return new Hono()
    .use(tenancyMiddleware(tenancy))
    .get('/invoices', async (c) => {
      const invoices = await orm.em.find(Invoice, {}, { orderBy: { number: 'asc' } });
      return c.json(invoices.map(({ number, customer, amount, sent }) => ({ number, customer, amount, sent })));
    })
    .post('/invoices', async (c) => {
      const { number, customer, amount } = await c.req.json();
      if (!isText(number) || !isText(customer) || !Number.isInteger(amount)) return c.text('That is no invoice.', 400);
      await orm.em.insert(Invoice, { number, customer, amount });
      await cache.invalidate('invoices');
      await queue.add('send', { kind: 'send', number }, { jobId: `send ${number}` });
      return c.json({ number }, 202);
    })
    .get('/customers', async (c) => {
      const readCustomers = () =>
        orm.em.execute('select customer, sum(amount)::int as amount from invoice group by customer order by customer');
      return c.json(await cache.getOrSet('customers', readCustomers, { tags: ['invoices'] }));
    })
    .get('/documents', async (c) => c.json(await tenancy.use(documents).list()))
    .get('/documents/:name', async (c) => {
      const text = await tenancy.use(documents).get(c.req.param('name'));
      return text === undefined ? c.notFound() : c.text(text);
    })
    .onError((error, c) => {
      if (isTenancyError(error)) return error.getResponse();
      if (error instanceof UniqueConstraintViolationException) return c.text('There is such an invoice already.', 409);
      console.error(error);
      return c.text('Something went wrong.', 500);
    });
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
