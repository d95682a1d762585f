import 'reflect-metadata';
import { CACHE_MANAGER, CacheInterceptor, CacheModule } from '@nestjs/cache-manager';
import {
  Controller,
  type ExecutionContext,
  Get,
  type INestApplicationContext,
  Inject,
  Injectable,
  Module,
  UseInterceptors,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Interval, ScheduleModule } from '@nestjs/schedule';
import { createTenancy, fromHeader, memoryStore, type Tenancy } from '@omnitenant/core';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ForEachTenant, TENANCY, TenancyModule, tenantCacheKey } from '../src/index.ts';

let tenancy: Tenancy;
let app: INestApplicationContext;

beforeEach(async () => {
  tenancy = createTenancy({ store: memoryStore(), resolver: fromHeader('x-tenant') });
  for (const id of ['acme', 'bloom']) await tenancy.tenants.create({ id });
});
afterEach(() => app.close());

@Injectable()
class Cleaning {
  readonly seen: string[] = [];

  constructor(@Inject(TENANCY) readonly tenancy: Tenancy) {}

  @Interval(10)
  @ForEachTenant()
  async clean() {
    await Promise.resolve();
    this.seen.push(this.tenancy.current().id);
  }

  @ForEachTenant()
  @Interval(10)
  async polish() {
    this.seen.push(`${this.tenancy.current().id} polished`);
  }
}

test('a schedule runs in each tenant, in an application without a server', async () => {
  @Module({ imports: [TenancyModule.forRoot({ tenancy }), ScheduleModule.forRoot()], providers: [Cleaning] })
  class AppModule {}
  app = await NestFactory.createApplicationContext(AppModule, { logger: false, abortOnError: false });
  const { seen } = app.get(Cleaning);
  await vi.waitFor(() => {
    for (const id of ['acme', 'bloom']) expect(seen).toEqual(expect.arrayContaining([id, `${id} polished`]));
  });
});

@Injectable()
class TenantCacheInterceptor extends CacheInterceptor {
  protected override trackBy(context: ExecutionContext) {
    return tenantCacheKey(super.trackBy(context));
  }
}

@Controller('name')
class Names {
  asked = 0;

  constructor(@Inject(TENANCY) readonly tenancy: Tenancy) {}

  @UseInterceptors(TenantCacheInterceptor)
  @Get()
  name() {
    this.asked++;
    return { name: this.tenancy.current().id };
  }
}

test('Nest’s cache serves each tenant its own answers', async () => {
  @Module({
    imports: [TenancyModule.forRoot({ tenancy }), CacheModule.register({ ttl: 60_000 })],
    controllers: [Names],
  })
  class AppModule {}
  const site = await NestFactory.create(AppModule, { logger: false, abortOnError: false });
  app = site;
  await site.listen(0, '127.0.0.1');
  const url = await site.getUrl();
  const cache = site.get<{ get(key: string): Promise<unknown> }>(CACHE_MANAGER);
  for (const id of ['acme', 'bloom', 'acme', 'bloom']) {
    const response = await fetch(`${url}/name`, { headers: { 'x-tenant': id } });
    expect(await response.json()).toEqual({ name: id });
    // The interceptor stores an answer after it has been sent.
    const key = await tenancy.run(id, () => tenantCacheKey('/name') ?? '');
    expect(await tenancy.run(id, () => tenantCacheKey(Promise.resolve('/name')))).toBe(key);
    await vi.waitFor(async () => expect(await cache.get(key)).toEqual({ name: id }));
  }
  expect(site.get(Names).asked).toBe(2);
});
