import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { createTenancy, fromHeader, memoryStore, TenancyError } from '@omnitenant/core';
import { defineResource } from '@omnitenant/core/extend';
import { adapterSuite, type SuiteAnswer, type SuiteApp, type SuiteServer } from '@omnitenant/core/testing';
import { Hono } from 'hono';
import { describe, test, vi } from 'vitest';
import { tenancyMiddleware } from '../src/index.ts';

vi.spyOn(console, 'error').mockImplementation(() => {});

const reason = 'a web Response has no events';
const skip = [
  { test: 'listeners of the response hear its end in the tenant', reason },
  { test: 'listeners of the response hear in the tenant that the client left', reason },
];
describe('Hono', () => adapterSuite({ test, serve, skip }));

describe('without a server', () => {
  const headers = { 'x-tenant': 'acme' };

  async function app() {
    const tenancy = createTenancy({ store: memoryStore(), resolver: fromHeader('x-tenant') });
    await tenancy.tenants.create({ id: 'acme' });
    const ended = Promise.withResolvers<void>();
    tenancy.signals.on('deactivated', () => ended.resolve());
    async function* brew() {
      for (let n = 0; n < 3; n++) yield Buffer.from(tenancy.current().id);
    }
    const routes = new Hono().use(tenancyMiddleware(tenancy));
    routes.get('/', (c) => c.text(tenancy.current().id));
    routes.get('/stream', (c) => c.body(ReadableStream.from(brew())));
    routes.use('/replaced', async (c, next) => {
      await next();
      c.res = new Response(ReadableStream.from(brew()));
    });
    routes.get('/replaced', (c) => c.text('a text'));
    return { ended: ended.promise, get: async (path: string) => routes.request(path, { headers }) };
  }

  test.each(['/stream', '/replaced'])('a stream is read in its tenant, and ends its scope (%s)', async (path) => {
    const { ended, get } = await app();
    assert.equal(await (await get(path)).text(), 'acmeacmeacme');
    await ended;
  });

  test('a stream that is cancelled ends its scope', async () => {
    const { ended, get } = await app();
    await (await get('/stream')).body?.cancel();
    await ended;
  });

  test('an answer in one piece ends its scope, read or not', async () => {
    const { ended, get } = await app();
    await get('/');
    await ended;
  });
});

test('what is the server’s fault is logged, and nothing else', async () => {
  const store = memoryStore();
  const tenancy = createTenancy({ store, resolver: fromHeader('x-tenant') });
  await tenancy.tenants.create({ id: 'acme' });
  const logged: unknown[] = [];
  const app = new Hono().use(tenancyMiddleware(tenancy, { log: (error) => logged.push(error) }));
  app.get('/', () => {
    throw new TenancyError('SERVER_UNAVAILABLE', 'The server is down.', { tenant: 'acme' });
  });
  const status = async (tenant: string) => (await app.request('/', { headers: { 'x-tenant': tenant } })).status;
  assert.equal(await status('acme'), 503);
  assert.equal(await status('nosuch'), 404);
  store.find = () => Promise.reject(new Error('no route'));
  assert.equal(await status('beta'), 503);
  assert.deepEqual(
    logged.map((error) => (error as TenancyError).code),
    ['SERVER_UNAVAILABLE', 'STORE_UNAVAILABLE'],
  );
});

test('a resource that fails to close is a warning', async () => {
  const broken = defineResource({
    name: 'broken',
    open: () => ({}),
    close() {
      throw new Error('the cache is gone');
    },
  });
  const tenancy = createTenancy({ store: memoryStore(), resolver: fromHeader('x-tenant'), resources: [broken] });
  await tenancy.tenants.create({ id: 'acme' });
  const app = new Hono().use(tenancyMiddleware(tenancy)).get('/', (c) => c.json(tenancy.use(broken)));
  const warned = once(process, 'warning');
  assert.equal((await app.request('/', { headers: { 'x-tenant': 'acme' } })).status, 200);
  assert.equal((await warned)[0].message, 'the cache is gone');
});

async function serve(app: SuiteApp): Promise<SuiteServer> {
  const routes = new Hono();
  routes.use(tenancyMiddleware(app.tenancy));
  routes.all('*', async (c) => {
    const json = c.req.header('content-type') === 'application/json';
    return reply(await app.handle(json ? { body: await c.req.json() } : {}));
  });
  routes.onError((error) => {
    const answer = app.handleError(error);
    if (answer === undefined) throw error;
    return reply(answer);
  });
  const served = new Hono().route(app.mountedAt || '/', routes);

  const fetch = app.trustProxy ? behindProxy(served.fetch) : served.fetch;
  const server = createServer(getRequestListener(fetch)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.close().closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** Hono knows a request by its URL: who trusts a proxy says so in the URL. */
function behindProxy(fetch: Hono['fetch']): (request: Request) => Response | Promise<Response> {
  return (request) => {
    const url = new URL(request.url);
    url.host = request.headers.get('x-forwarded-host') ?? url.host;
    return fetch(new Request(url, request));
  };
}

function reply({ status, headers, body }: SuiteAnswer): Response {
  return new Response(typeof body === 'object' ? ReadableStream.from(body) : (body ?? null), { status, headers });
}
