import { isTenancyError } from '@omnitenant/core';
import { tenancyMiddleware } from '@omnitenant/hono';
import { Hono } from 'hono';
import { Order, type Shop } from './shop.ts';
import type { Telemetry } from './telemetry.ts';

/** `/metrics` and `/health` are in front of the middleware: whoever reads them is no tenant. Keep them from the public. */
export function createApp({ tenancy, orm, cache, receipts }: Shop, telemetry: Telemetry): Hono {
  return new Hono()
    .get('/metrics', async (c) => c.text(await telemetry.scrape()))
    .get('/health', async (c) => {
      const health = await tenancy.health();
      return c.json(health, health.ready ? 200 : 503);
    })
    .use(tenancyMiddleware(tenancy))
    .post('/orders', async (c) => {
      const { item } = await c.req.json<{ item: string }>();
      const id = await orm.em.insert(Order, { item });
      await cache.delete('count');
      await receipts.add('receipt', { order: id });
      return c.json({ id }, 201);
    })
    .get('/orders/count', async (c) => c.json(await cache.getOrSet('count', () => orm.em.count(Order))))
    .onError((error) => {
      if (isTenancyError(error)) return error.getResponse();
      console.error(error);
      return new Response('Internal Server Error', { status: 500 });
    });
}
