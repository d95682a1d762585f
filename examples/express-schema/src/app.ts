import { UniqueConstraintViolationException } from '@mikro-orm/core';
import { isTenancyError } from '@omnitenant/core';
import { tenancyMiddleware } from '@omnitenant/express';
import express, { type ErrorRequestHandler, type Express } from 'express';
import { adminRoutes } from './admin.ts';
import { ProjectService } from './project-service.ts';
import { projectRoutes } from './projects.ts';
import type { Tracker } from './tenancy.ts';

export function createApp(tracker: Tracker, adminToken: string): Express {
  const { orm, tenancy } = tracker;
  const admin = adminRoutes(tracker, adminToken);
  const projects = projectRoutes(new ProjectService(orm.em));
  return (
    express()
      .use(tenancyMiddleware(tenancy), express.json())
      // The public host is in no tenant: there the companies themselves are kept.
      .use((req, res, next) => (tenancy.tryCurrent() ? projects : admin)(req, res, next))
      .use(handleErrors)
  );
}

const handleErrors: ErrorRequestHandler = (error, _req, res, next) => {
  if (isTenancyError(error)) {
    res
      .status(error.status)
      .set(error.headers ?? {})
      .json({ error });
  } else if (error instanceof UniqueConstraintViolationException) {
    res.sendStatus(409);
  } else {
    next(error);
  }
};
