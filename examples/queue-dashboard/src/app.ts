import { timingSafeEqual } from 'node:crypto';
import { isTenancyError } from '@omnitenant/core';
import { tenancyMiddleware } from '@omnitenant/express';
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import { operatorsBoard, tenantsBoard } from './boards.ts';
import type { Emails } from './emails.ts';

/** On the public host operators see the jobs of all; on a tenant's host its people see its own. An application has a login in front of both. */
export function createApp({ queue, tenancy }: Emails, operatorToken: string): Express {
  const operators = express().use(onlyWith(operatorToken), operatorsBoard(queue, '/queues'));
  const tenants = tenantsBoard(queue, '/queues');
  return express()
    .use(tenancyMiddleware(tenancy))
    .use('/queues', (req, res, next) => (tenancy.tryCurrent() ? tenants : operators)(req, res, next))
    .use(handleErrors);
}

function onlyWith(token: string): RequestHandler {
  const expected = Buffer.from(`Bearer ${token}`);
  return (req, res, next) => {
    const given = Buffer.from(req.headers.authorization ?? '');
    if (given.length === expected.length && timingSafeEqual(given, expected)) next();
    else res.sendStatus(401);
  };
}

const handleErrors: ErrorRequestHandler = (error, _req, res, next) => {
  if (!isTenancyError(error)) return next(error);
  res
    .status(error.status)
    .set(error.headers ?? {})
    .json({ error });
};
