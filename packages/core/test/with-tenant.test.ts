import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { describe, expect, test, vi } from 'vitest';
import { createTenancy, fromHeader, memoryStore, withTenant } from '../src/index.ts';
import { adapterSuite, type SuiteAnswer, type SuiteApp, type SuiteServer } from '../src/testing/index.ts';

const reason = 'a web Response has no events';
const resolved = 'a Request has its URL resolved already';
const skip = [
  { test: 'listeners of the response hear its end in the tenant', reason },
  { test: 'listeners of the response hear in the tenant that the client left', reason },
  { test: 'a path that servers understand differently names no tenant', reason: resolved },
  { test: 'a target that is an odd URL leads to no tenant', reason: resolved },
];
describe('a fetch handler', () => adapterSuite({ test, serve, skip }));

async function acme() {
  const tenancy = createTenancy({ store: memoryStore(), resolver: fromHeader('x-tenant') });
  await tenancy.tenants.create({ id: 'acme' });
  return tenancy;
}

function request(tenant: string): Request {
  return new Request('http://app.test/orders', { headers: { 'x-tenant': tenant } });
}

test('a handler gets its further arguments, such as the parameters of a route', async () => {
  const tenancy = await acme();
  const get = withTenant(tenancy, (_request, { params }: { params: { id: string } }) =>
    Response.json([tenancy.current().id, params.id]),
  );
  const response = await get(request('acme'), { params: { id: '7' } });
  assert.deepEqual(await response.json(), ['acme', '7']);
});

test('without onError a TenancyError is answered, and others are left to the caller', async () => {
  const tenancy = await acme();
  const error = vi.spyOn(console, 'error').mockImplementation(() => {});
  const get = withTenant(tenancy, () => {
    throw new Error('out of tea');
  });
  const refused = await get(request('birch'));
  expect([refused.status, await refused.json()]).toEqual([
    404,
    { error: { code: 'TENANT_UNKNOWN', message: 'Not Found' } },
  ]);
  expect(error).not.toHaveBeenCalled();
  await expect(get(request('acme'))).rejects.toThrow('out of tea');
  const central = withTenant(tenancy, () => Response.json(tenancy.central(() => tenancy.current().id)));
  await tenancy.tenants.suspend('acme');
  expect((await central(request('acme'))).status).toBe(403);
  const outside = withTenant(await acme(), () => Response.json(tenancy.current()));
  expect((await outside(request('acme'))).status).toBe(500);
  expect(error).toHaveBeenCalledWith(expect.objectContaining({ code: 'OUTSIDE_SCOPE' }));
  error.mockRestore();
});

async function serve(app: SuiteApp): Promise<SuiteServer> {
  const fetch = withTenant(
    app.tenancy,
    async (asked) => {
      const json = asked.headers.get('content-type') === 'application/json';
      return reply(await app.handle(json ? { body: await asked.json() } : {}));
    },
    {
      host: app.trustProxy ? (asked) => asked.headers.get('x-forwarded-host') ?? new URL(asked.url).host : undefined,
      onError(error) {
        const answer = app.handleError(error);
        if (answer !== undefined) return reply(answer);
        return (error as { getResponse?: () => Response }).getResponse?.() ?? new Response(null, { status: 500 });
      },
    },
  );
  const server = createServer(getRequestListener((asked) => fetch(asked))).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.close().closeAllConnections();
      await once(server, 'close');
    },
  };
}

function reply({ status, headers, body }: SuiteAnswer): Response {
  return new Response(typeof body === 'object' ? ReadableStream.from(body) : (body ?? null), { status, headers });
}
