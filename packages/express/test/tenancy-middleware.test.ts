import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createTenancy, fromHeader, memoryStore, type TenantResource } from '@omnitenant/core';
import { defineResource } from '@omnitenant/core/extend';
import { adapterSuite, type SuiteAnswer, type SuiteApp, type SuiteServer } from '@omnitenant/core/testing';
import express, { type ErrorRequestHandler, type RequestHandler, type Response } from 'express';
// @ts-expect-error An alias brings no types.
import express4 from 'express4';
import { describe, test, vi } from 'vitest';
import { tenancyMiddleware } from '../src/index.ts';

vi.spyOn(console, 'error').mockImplementation(() => {});

describe('Express 5', () => adapterSuite({ test, serve: (app) => serve(express, app) }));
describe('Express 4', () => adapterSuite({ test, serve: (app) => serve(express4, app) }));
describe('with the body parser in front', () =>
  adapterSuite({ test, serve: (app) => serve(express, app, 'parser first') }));

test('listeners of the request hear it in the tenant, parsed or not', async () => {
  const tenancy = await tenancyWith();
  const heard: unknown[] = [];
  const app = express().use(tenancyMiddleware(tenancy), (req, res) => {
    req.on('data', () => heard.push(tenancy.current().id));
    req.on('end', () => res.send(heard.push(tenancy.current().id)));
  });
  await using server = await listen(app);
  await fetch(server.url, { method: 'POST', body: 'hello', headers: { 'x-tenant': 'acme' } });
  assert.deepEqual(heard, ['acme', 'acme']);
});

test('a resource that fails to close is a warning, and the next request on the connection is answered', async () => {
  const broken = defineResource({
    name: 'broken',
    open: () => ({}),
    close() {
      throw new Error('the cache is gone');
    },
  });
  const tenancy = await tenancyWith(broken);
  const app = express().use(tenancyMiddleware(tenancy), (_req, res) => res.json(tenancy.use(broken)));
  const errorHandler = vi.fn();
  app.use(errorHandler);
  await using server = await listen(app);
  const warned = once(process, 'warning');
  await fetch(server.url, { headers: { 'x-tenant': 'acme' } });
  assert.equal((await warned)[0].message, 'the cache is gone');
  assert.equal((await fetch(server.url, { headers: { 'x-tenant': 'acme' } })).status, 200);
  assert.equal(errorHandler.mock.calls.length, 0);
});

async function serve(framework: typeof express, app: SuiteApp, order?: 'parser first'): Promise<SuiteServer> {
  const parser = framework.json({ limit: '1mb' });
  const tenancy = tenancyMiddleware(app.tenancy);
  const router = framework.Router();
  router.use(order === 'parser first' ? [parser, tenancy] : [tenancy, parser], route(app));

  const served = framework();
  served.set('env', 'production'); // the default error handler of other environments answers with stack traces
  served.set('trust proxy', app.trustProxy);
  served.use(app.mountedAt || '/', router);
  served.use(errorHandler(app));
  return listen(served);
}

function route(app: SuiteApp): RequestHandler {
  return (req, res, next) => {
    res.on('finish', app.over).on('close', app.over);
    const answer = app.handle({ body: req.body });
    Promise.resolve(answer).then((settled) => reply(res, settled), next);
  };
}

function errorHandler(app: SuiteApp): ErrorRequestHandler {
  return (error, _req, res, next) => {
    const answer = app.handleError(error);
    if (answer === undefined) next(error);
    else reply(res, answer);
  };
}

function reply(res: Response, { status, headers, body }: SuiteAnswer): void {
  res.status(status).set(headers);
  if (typeof body === 'object') pipeline(Readable.from(body), res).catch(() => {});
  else res.send(body);
}

async function tenancyWith(...resources: TenantResource[]) {
  const tenancy = createTenancy({ store: memoryStore(), resolver: fromHeader('x-tenant'), resources });
  await tenancy.tenants.create({ id: 'acme' });
  return tenancy;
}

async function listen(app: RequestListener) {
  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  async function close() {
    server.close().closeAllConnections();
    await once(server, 'close');
  }
  return { port, url: `http://127.0.0.1:${port}/`, close, [Symbol.asyncDispose]: close };
}
