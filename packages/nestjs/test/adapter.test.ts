import 'reflect-metadata';
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  All,
  type ArgumentsHost,
  Catch,
  Controller,
  Get,
  type HttpServer,
  type INestApplication,
  Module,
  Req,
  Res,
  type Type,
} from '@nestjs/common';
import { BaseExceptionFilter, NestFactory } from '@nestjs/core';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { createTenancy, memoryStore, TenancyError } from '@omnitenant/core';
import { adapterSuite, type SuiteAnswer, type SuiteApp, type SuiteServer } from '@omnitenant/core/testing';
import type { Response } from 'express';
import type { FastifyReply } from 'fastify';
import { describe, expect, test } from 'vitest';
import { TenancyModule } from '../src/index.ts';

describe('NestJS on Express', () => adapterSuite({ test, serve: (app) => serve(app, 'express') }));
describe('NestJS on Fastify', () => adapterSuite({ test, serve: (app) => serve(app, 'fastify') }));

test('an error whose message no caller may read is logged', async () => {
  @Controller()
  class Failing {
    @Get('moving')
    moving(): never {
      throw new TenancyError('TENANT_MOVING', 'It is moved.');
    }

    @Get()
    fail(): never {
      throw new TenancyError('CROSS_TENANT', 'An order of acme is used in bloom.');
    }
  }
  const tenancy = createTenancy({ store: memoryStore(), resolver: () => ({ id: 'acme' }) });
  await tenancy.tenants.create({ id: 'acme' });
  @Module({ imports: [TenancyModule.forRoot({ tenancy })], controllers: [Failing] })
  class AppModule {}
  const logged: unknown[] = [];
  const logger = { log() {}, warn() {}, error: (error: unknown) => void logged.push(error) };
  const site = await NestFactory.create(AppModule, { logger, abortOnError: false });
  await site.listen(0, '127.0.0.1');
  for (const path of ['', '/moving']) await fetch(`${await site.getUrl()}${path}`);
  expect(logged).toEqual([expect.objectContaining({ message: 'An order of acme is used in bloom.' })]);
  await site.close();
});

async function serve(app: SuiteApp, platform: 'express' | 'fastify'): Promise<SuiteServer> {
  @Controller()
  class Everything {
    @All(platform === 'express' ? '{*path}' : '*')
    async handle(@Req() request: { body: unknown }, @Res() response: Response | FastifyReply): Promise<void> {
      const raw = rawOf(response);
      raw.on('finish', app.over).on('close', app.over);
      reply(response, await app.handle({ body: request.body }));
    }
  }

  @Module({ imports: [TenancyModule.forRoot({ tenancy: app.tenancy })], controllers: [Everything] })
  class AppModule {}

  const site = await (platform === 'express' ? onExpress(AppModule, app) : onFastify(AppModule, app));
  if (app.mountedAt) site.setGlobalPrefix(app.mountedAt);
  site.useGlobalFilters(new OwnErrors(app, site.getHttpAdapter()));
  await site.listen(0, '127.0.0.1');
  const server = site.getHttpServer();
  return {
    port: server.address().port,
    async close() {
      server.closeAllConnections();
      await site.close();
    },
  };
}

async function onExpress(module: Type, { trustProxy }: SuiteApp): Promise<INestApplication> {
  const site = await NestFactory.create<NestExpressApplication>(module, new ExpressAdapter(), { logger: false });
  site.set('trust proxy', trustProxy);
  return site.useBodyParser('json', { limit: '1mb' });
}

function onFastify(module: Type, { trustProxy }: SuiteApp): Promise<INestApplication> {
  const adapter = new FastifyAdapter({ trustProxy, bodyLimit: 1024 * 1024 });
  return NestFactory.create<NestFastifyApplication>(module, adapter, { logger: false });
}

@Catch()
class OwnErrors extends BaseExceptionFilter {
  constructor(
    readonly app: SuiteApp,
    adapter: HttpServer,
  ) {
    super(adapter);
  }

  override catch(error: unknown, host: ArgumentsHost): void {
    const answer = this.app.handleError(error);
    if (answer === undefined) super.catch(error, host);
    else reply(host.switchToHttp().getResponse(), answer);
  }
}

function rawOf(response: Response | FastifyReply): ServerResponse {
  return 'raw' in response ? response.raw : response;
}

function reply(response: Response | FastifyReply, { status, headers, body }: SuiteAnswer): void {
  if ('raw' in response) {
    response.code(status).headers({ ...headers });
    response.send(typeof body === 'object' ? Readable.from(body) : body);
  } else {
    response.status(status).set(headers);
    if (typeof body === 'object') pipeline(Readable.from(body), response).catch(() => {});
    else response.send(body);
  }
}
