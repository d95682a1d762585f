import { RequestContext, UniqueConstraintViolationException } from '@mikro-orm/core';
import express, { type ErrorRequestHandler, type Express } from 'express';
import { catalogueRoutes } from './routes/catalogue.ts';
import { customerRoutes } from './routes/customers.ts';
import { orderRoutes } from './routes/orders.ts';
import { reportRoutes } from './routes/reports.ts';
import type { Shop } from './shop.ts';

export function createApp(shop: Shop): Express {
  const app = express();
  app.set('trust proxy', 'loopback');
  app.use(express.json());
  app.use((_req, _res, next) => RequestContext.create(shop.em, next));
  app.use(catalogueRoutes(shop), customerRoutes(shop), orderRoutes(shop), reportRoutes(shop));
  app.use(handleErrors);
  return app;
}

const handleErrors: ErrorRequestHandler = (error, _req, res, _next) => {
  const status = error instanceof UniqueConstraintViolationException ? 409 : (error.status ?? 500);
  if (status >= 500) console.error(error);
  res.status(status).json({ message: error.expose ? error.message : 'That did not work.' });
};
