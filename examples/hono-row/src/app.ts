import { UniqueConstraintViolationException } from '@mikro-orm/core';
import { isTenancyError } from '@omnitenant/core';
import { tenancyMiddleware } from '@omnitenant/hono';
import { Hono } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { adminRoutes } from './admin.ts';
import { projectRoutes } from './projects.ts';
import type { Tracker } from './tenancy.ts';

export function createApp(tracker: Tracker, adminToken: string): Hono {
  const { tenancy } = tracker;
  const admin = adminRoutes(tracker, adminToken).onError(handleError);
  const projects = projectRoutes(tracker).onError(handleError);
  return (
    new Hono()
      // In front of the middleware, so that whatever looks after the process needs no company's host.
      .get('/health', async (c) => {
        const health = await tenancy.health();
        return c.json(health, health.ready ? 200 : 503);
      })
      .use(tenancyMiddleware(tenancy))
      // The public host is in no tenant: there the companies themselves are kept.
      .all('*', (c) => (tenancy.tryCurrent() ? projects : admin).fetch(c.req.raw, c.env))
      .onError(handleError)
  );
}

function handleError(error: Error): Response {
  if (isTenancyError(error) || error instanceof HTTPException) return error.getResponse();
  if (error instanceof UniqueConstraintViolationException) return new Response('Conflict', { status: 409 });
  console.error(error);
  return new Response('Internal Server Error', { status: 500 });
}
