import type { TenantInput } from '@omnitenant/core';
import { Hono } from 'hono';
import { bearerAuth } from 'hono/bearer-auth';
import type { Tracker } from './tenancy.ts';

/** The routes of the public host, for those who have the token. They run in central. */
export function adminRoutes({ tenancy }: Tracker, token: string): Hono {
  const { tenants } = tenancy;
  return new Hono()
    .use('/companies/*', bearerAuth({ token }))
    .get('/companies', async (c) => {
      const companies = [];
      for await (const { id, name, status } of tenants.all()) companies.push({ id, name, status });
      return c.json(companies);
    })
    .post('/companies', async (c) => {
      const { id, name, domains } = await c.req.json<Required<TenantInput>>();
      const company = await tenants.create({ id, name, domains });
      return c.json({ id: company.id, name: company.name }, 201);
    })
    .post('/companies/:id/suspension', async (c) => {
      await tenants.suspend(c.req.param('id'));
      return c.body(null, 204);
    })
    .delete('/companies/:id', async (c) => {
      await tenants.remove(c.req.param('id'));
      return c.body(null, 204);
    });
}
