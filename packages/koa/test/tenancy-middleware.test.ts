import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import { bodyParser } from '@koa/bodyparser';
import Router from '@koa/router';
import { createTenancy, fromHeader, memoryStore, type TenantResource } from '@omnitenant/core';
import { defineResource } from '@omnitenant/core/extend';
import { adapterSuite, type SuiteAnswer, type SuiteApp, type SuiteServer } from '@omnitenant/core/testing';
import Koa, { type Context, type Middleware } from 'koa';
// @ts-expect-error An alias brings no types.
import Koa2 from 'koa2';
import { describe, test } from 'vitest';
import { tenancyMiddleware } from '../src/index.ts';

type Body = (parts: AsyncIterable<Uint8Array>) => unknown;
const node: Body = (parts) => Readable.from(parts, { objectMode: false });
const web: Body = (parts) => ReadableStream.from(parts);
const response: Body = (parts) => new Response(ReadableStream.from(parts));

describe('Koa 3', () => adapterSuite({ test, serve: (app) => serve(Koa, app, node) }));
describe('Koa 3 with web streams', () => adapterSuite({ test, serve: (app) => serve(Koa, app, web) }));
describe('Koa 3 with web responses', () => adapterSuite({ test, serve: (app) => serve(Koa, app, response) }));
describe('Koa 2', () =>
  adapterSuite({
    test,
    serve: (app) => serve(Koa2, app, node),
    skip: [
      {
        test: 'an error in a stream cuts the answer off and ends the scope',
        reason: 'Koa 2 leaves such a response open until its client goes',
      },
    ],
  }));

const headers = { 'x-tenant': 'acme' };

test('listeners of the request hear it in the tenant', async () => {
  const tenancy = await acme();
  const app = new Koa().use(tenancyMiddleware(tenancy)).use(async (ctx) => {
    const heard = new Promise((resolve) => ctx.req.on('end', () => resolve(tenancy.current().id)));
    ctx.req.resume();
    ctx.body = await heard;
  });
  await using server = await listen(app);
  assert.equal(await (await fetch(server.url, { method: 'POST', body: 'hello', headers })).text(), 'acme');
});

test("the application's error event is heard in the tenant, for what is thrown and for a broken stream", async () => {
  const tenancy = await acme();
  const app = new Koa().use(tenancyMiddleware(tenancy)).use((ctx) => {
    if (ctx.path === '/thrown') throw new Error('out of tea');
    ctx.body = Readable.from(brew(), { objectMode: false });
  });
  const heard = new Set<string>();
  app.on('error', (error) => heard.add(`${error.message} in ${tenancy.current().id}`));
  await using server = await listen(app);
  assert.equal((await fetch(`${server.url}thrown`, { headers })).status, 500);
  await assert.rejects(async () => (await fetch(server.url, { headers })).text());
  assert.deepEqual([...heard], ['out of tea in acme', 'out of milk in acme']);
});

test('listeners of a body that others feed hear it in the tenant', async () => {
  const tenancy = await acme();
  const made = Promise.withResolvers<PassThrough>();
  const heard: string[] = [];
  const app = new Koa().use(tenancyMiddleware(tenancy)).use((ctx) => {
    const body = new PassThrough();
    body.on('data', () => heard.push(tenancy.current().id));
    ctx.body = body;
    made.resolve(body);
  });
  await using server = await listen(app);
  const reply = fetch(server.url, { headers });
  const body = await made.promise;
  await new Promise(setImmediate);
  body.end('tea');
  assert.equal(await (await reply).text(), 'tea');
  assert.deepEqual(heard, ['acme']);
});

test('a resource that fails to close is an error event, and the next request is answered', async () => {
  const broken = defineResource({
    name: 'broken',
    open: () => ({}),
    close() {
      throw new Error('the cache is gone');
    },
  });
  const tenancy = await acme(broken);
  const app = new Koa().use(tenancyMiddleware(tenancy)).use((ctx) => {
    ctx.body = tenancy.use(broken);
  });
  await using server = await listen(app);
  const heard = new Promise<Error>((resolve) => app.on('error', resolve));
  await fetch(server.url, { headers });
  assert.equal((await heard).message, 'the cache is gone');
  assert.equal((await fetch(server.url, { headers })).status, 200);
});

test('a blob is sent as it is', async () => {
  const tenancy = await acme();
  const app = new Koa().use(tenancyMiddleware(tenancy)).use((ctx) => {
    ctx.body = new Blob([tenancy.current().id], { type: 'image/png' });
  });
  await using server = await listen(app);
  const reply = await fetch(server.url, { headers });
  assert.equal(reply.headers.get('content-type'), 'image/png');
  assert.equal(reply.headers.get('content-length'), '4');
  assert.equal(await reply.text(), 'acme');
});

async function* brew() {
  yield Buffer.from('tea');
  await new Promise(setImmediate);
  throw new Error('out of milk');
}

async function serve(Framework: typeof Koa, app: SuiteApp, stream: Body): Promise<SuiteServer> {
  const served = new Framework({ proxy: app.trustProxy });
  served.silent = true;
  const router = new Router({ prefix: app.mountedAt });
  router.use(tenancyMiddleware(app.tenancy), errorHandler(app, stream), bodyParser({ jsonLimit: '1mb' }));
  router.all(/.*/, route(app, stream));
  served.use(router.routes());
  return listen(served);
}

function route(app: SuiteApp, stream: Body): Middleware {
  return async (ctx) => {
    ctx.res.on('finish', app.over).on('close', app.over);
    reply(ctx, await app.handle({ body: ctx.request.body }), stream);
  };
}

function errorHandler(app: SuiteApp, stream: Body): Middleware {
  return async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      const answer = app.handleError(error);
      if (answer === undefined) throw error;
      reply(ctx, answer, stream);
    }
  };
}

function reply(ctx: Context, { status, headers, body }: SuiteAnswer, stream: Body): void {
  ctx.status = status;
  ctx.set(headers);
  ctx.body = typeof body === 'object' ? stream(body) : body;
}

async function acme(...resources: TenantResource[]) {
  const tenancy = createTenancy({ store: memoryStore(), resolver: fromHeader('x-tenant'), resources });
  await tenancy.tenants.create({ id: 'acme' });
  return tenancy;
}

async function listen(app: Koa) {
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  async function close() {
    server.close().closeAllConnections();
    await once(server, 'close');
  }
  return { port, url: `http://127.0.0.1:${port}/`, close, [Symbol.asyncDispose]: close };
}
