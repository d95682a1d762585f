import { createHash, timingSafeEqual } from 'node:crypto';
import { type RequestHandler, Router } from 'express';
import type { Tracker } from './tenancy.ts';

/** The routes of the public host, for those who have the token. They run in central. */
export function adminRoutes({ tenancy }: Tracker, token: string): Router {
  const { tenants } = tenancy;
  return Router()
    .use('/companies', onlyWith(token))
    .get('/companies', async (_req, res) => {
      const companies = [];
      for await (const { id, name, plan, status } of tenants.all()) companies.push({ id, name, plan, status });
      res.json(companies);
    })
    .post('/companies', async (req, res) => {
      const { id, name, plan, domains } = req.body ?? {};
      const company = await tenants.create({ id, name, plan, domains });
      res.status(201).json({ id: company.id, name: company.name, plan: company.plan });
    })
    .post('/companies/:id/suspension', async (req, res) => {
      await tenants.suspend(req.params.id);
      res.sendStatus(204);
    });
}

function onlyWith(token: string): RequestHandler {
  const expected = digest(`Bearer ${token}`);
  return (req, res, next) => {
    if (timingSafeEqual(digest(req.get('authorization') ?? ''), expected)) next();
    else res.sendStatus(401);
  };
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
