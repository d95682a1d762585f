import { bodyParser } from '@koa/bodyparser';
import type { RouterContext } from '@koa/router';
import { UniqueConstraintViolationException } from '@mikro-orm/core';
import { isTenancyError } from '@omnitenant/core';
import { tenancyMiddleware } from '@omnitenant/koa';
import Koa, { type Middleware } from 'koa';
import { adminRoutes } from './admin.ts';
import { projectRoutes } from './projects.ts';
import type { Tracker } from './tenancy.ts';

export function createApp(tracker: Tracker, adminToken: string): Koa {
  const { tenancy } = tracker;
  const admin = adminRoutes(tracker, adminToken).routes();
  const projects = projectRoutes(tracker).routes();
  const app = new Koa();
  app.use(handleErrors);
  app.use(tenancyMiddleware(tenancy));
  app.use(bodyParser());
  // The public host is in no tenant: there the companies themselves are kept.
  app.use((ctx, next) => (tenancy.tryCurrent() ? projects : admin)(ctx as RouterContext, next));
  return app;
}

const handleErrors: Middleware = async (ctx, next) => {
  try {
    await next();
  } catch (error) {
    if (isTenancyError(error)) {
      ctx.status = error.status;
      ctx.set({ ...error.headers });
      ctx.body = { error };
    } else if (error instanceof UniqueConstraintViolationException) {
      ctx.status = 409;
    } else {
      throw error;
    }
  }
};
