import { createHash, timingSafeEqual } from 'node:crypto';
import Router, { type RouterMiddleware } from '@koa/router';
import type { TenantInput } from '@omnitenant/core';
import type { Tracker } from './tenancy.ts';

/** The routes of the public host, for those who have the token. They run in central. */
export function adminRoutes({ tenancy }: Tracker, token: string): Router {
  const { tenants } = tenancy;
  return new Router({ prefix: '/companies' })
    .use(onlyWith(token))
    .get('/', async (ctx) => {
      const companies = [];
      for await (const { id, name, status, placement } of tenants.all())
        companies.push({ id, name, status, placement });
      ctx.body = companies;
    })
    .post('/', async (ctx) => {
      const { id, name, domains } = (ctx.request.body ?? {}) as Required<TenantInput>;
      const company = await tenants.create({ id, name, domains });
      ctx.status = 201;
      ctx.body = { id: company.id, name: company.name };
    })
    .post('/:id/suspension', async (ctx) => {
      await tenants.suspend(ctx.params.id ?? '');
      ctx.status = 204;
    })
    .delete('/:id', async (ctx) => {
      await tenants.remove(ctx.params.id ?? '');
      ctx.status = 204;
    });
}

function onlyWith(token: string): RouterMiddleware {
  const expected = digest(`Bearer ${token}`);
  return (ctx, next) => {
    if (timingSafeEqual(digest(ctx.get('authorization')), expected)) return next();
    ctx.status = 401;
  };
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
