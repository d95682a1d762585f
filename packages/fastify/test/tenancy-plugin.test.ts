import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type OutgoingHttpHeaders } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { createTenancy, fromDomain, fromHeader, memoryStore, type TenantResource } from '@omnitenant/core';
import { defineResource } from '@omnitenant/core/extend';
import { adapterSuite, type SuiteAnswer, type SuiteApp, type SuiteServer } from '@omnitenant/core/testing';
import Fastify, { type FastifyReply } from 'fastify';
import { describe, test } from 'vitest';
import { tenancyPlugin } from '../src/index.ts';

describe('Fastify', () => adapterSuite({ test, serve }));

test('listeners of the request hear it in the tenant', async () => {
  const tenancy = await tenancyWith();
  const app = Fastify();
  await app.register(tenancyPlugin, { tenancy });
  app.addContentTypeParser('text/plain', (request, payload, done) => {
    const heard: string[] = [];
    payload.on('data', () => heard.push(tenancy.current().id));
    payload.on('end', () => done(null, [...heard, tenancy.current().id, request.id && tenancy.current().id]));
  });
  app.post('/', ({ body }) => body);
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  const headers = { 'x-tenant': 'acme', 'content-type': 'text/plain' };
  const answer = await fetch(url, { method: 'POST', body: 'hello', headers });
  assert.deepEqual(await answer.json(), ['acme', 'acme', 'acme']);
  await app.close();
});

test('a request of HTTP/2 is for its authority, and for nobody if another host stands beside it', async () => {
  const tenancy = createTenancy({ store: memoryStore(), resolver: fromDomain() });
  for (const id of ['acme', 'birch']) await tenancy.tenants.create({ id, domains: [`${id}.example.com`] });
  const app = Fastify({ http2: true });
  await app.register(tenancyPlugin, { tenancy });
  app.get('/', () => tenancy.current().id);
  const session = connect(await app.listen({ port: 0, host: '127.0.0.1' }));
  async function answerTo(headers: OutgoingHttpHeaders): Promise<string> {
    return text(session.request({ ':path': '/', ':authority': 'acme.example.com', ...headers }));
  }
  assert.equal(await answerTo({}), 'acme');
  assert.equal(await answerTo({ host: 'acme.example.com' }), 'acme');
  assert.match(await answerTo({ host: 'birch.example.com' }), /TENANT_UNRESOLVED/);
  session.close();
  await app.close();
  await tenancy.close();
});

test('hooks, handlers and plugins registered after the plugin run in the tenant', async () => {
  const tenancy = await tenancyWith();
  const app = Fastify();
  const heard: string[] = [];
  await app.register(tenancyPlugin, { tenancy });
  await app.register(async (inner) => {
    for (const name of ['preParsing', 'preValidation', 'preHandler', 'onSend', 'onResponse'] as const) {
      inner.addHook(name as 'preHandler', async () => {
        heard.push(`${name} ${tenancy.current().id}`);
      });
    }
    inner.get('/', async () => tenancy.current().id);
  });
  const answer = await app.inject({ url: '/', headers: { 'x-tenant': 'acme' } });
  assert.equal(answer.body, 'acme');
  await app.close();
  assert.deepEqual(heard, [
    'preParsing acme',
    'preValidation acme',
    'preHandler acme',
    'onSend acme',
    'onResponse acme',
  ]);
});

test('a message that no caller may read stays inside, and the application’s own error handler receives the error', async () => {
  const tenancy = await tenancyWith();
  const app = Fastify();
  await app.register(tenancyPlugin, { tenancy });
  app.get('/', () => 'never');
  app.register(async (inner) => {
    inner.setErrorHandler((error: Error, _request, reply) => reply.code(418).send({ seen: error.message }));
    inner.get('/own', () => 'never');
  });
  const headers = { 'x-tenant': 'birch' };
  const hidden = await app.inject({ url: '/', headers });
  assert.equal(hidden.statusCode, 404);
  assert.deepEqual(hidden.json(), {
    statusCode: 404,
    code: 'TENANT_UNKNOWN',
    error: 'Not Found',
    message: 'Not Found',
  });
  const own = await app.inject({ url: '/own', headers });
  assert.deepEqual([own.statusCode, own.json()], [418, { seen: 'There is no tenant "birch".' }]);
  await app.close();
});

test('a resource that fails to close is a warning', async () => {
  const broken = defineResource({
    name: 'broken',
    open: () => ({}),
    close() {
      throw new Error('the cache is gone');
    },
  });
  const tenancy = await tenancyWith(broken);
  const app = Fastify();
  await app.register(tenancyPlugin, { tenancy });
  app.get('/', () => tenancy.use(broken));
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  const warned = once(process, 'warning');
  assert.equal((await fetch(url, { headers: { 'x-tenant': 'acme' } })).status, 200);
  assert.equal((await warned)[0].message, 'the cache is gone');
  await app.close();
});

async function serve(app: SuiteApp): Promise<SuiteServer> {
  const site = Fastify({ trustProxy: app.trustProxy, bodyLimit: 1024 * 1024 });
  await site.register(
    async (mounted) => {
      await mounted.register(tenancyPlugin, { tenancy: app.tenancy });
      mounted.setErrorHandler((error, _request, answer) => {
        const own = app.handleError(error);
        if (own === undefined) throw error;
        return reply(answer, own);
      });
      mounted.all('/*', async (request, answer) => {
        answer.raw.on('finish', app.over).on('close', app.over);
        return reply(answer, await app.handle({ body: request.body }));
      });
    },
    { prefix: app.mountedAt },
  );
  await site.listen({ port: 0, host: '127.0.0.1' });
  return {
    port: (site.server.address() as AddressInfo).port,
    async close() {
      site.server.closeAllConnections();
      await site.close();
    },
  };
}

function reply(answer: FastifyReply, { status, headers, body }: SuiteAnswer): FastifyReply {
  answer.code(status).headers({ ...headers });
  return answer.send(typeof body === 'object' ? Readable.from(body) : body);
}

async function tenancyWith(...resources: TenantResource[]) {
  const tenancy = createTenancy({ store: memoryStore(), resolver: fromHeader('x-tenant'), resources });
  await tenancy.tenants.create({ id: 'acme' });
  return tenancy;
}
