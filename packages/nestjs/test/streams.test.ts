import 'reflect-metadata';
import { Readable } from 'node:stream';
import { Controller, Get, type INestApplication, type MessageEvent, Module, Sse, StreamableFile } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { createTenancy, fromHeader, memoryStore, type Tenancy } from '@omnitenant/core';
import { interval, map, type Observable, take } from 'rxjs';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { TenancyModule } from '../src/index.ts';

let tenancy: Tenancy;
let app: INestApplication;
const here = () => tenancy.tryCurrent()?.id ?? 'nobody';

@Controller()
class Streams {
  @Sse('events')
  events(): Observable<MessageEvent> {
    return interval(1).pipe(map((n) => ({ data: `${n} in ${here()}` })));
  }

  @Sse('three')
  three(): Observable<MessageEvent> {
    return this.events().pipe(take(3));
  }

  @Get('file')
  file(): StreamableFile {
    async function* parts() {
      for (let part = 0; part < 3; part++) {
        await new Promise(setImmediate);
        yield `${part} in ${here()}\n`;
      }
    }
    return new StreamableFile(Readable.from(parts()));
  }
}

describe.each(['express', 'fastify'])('on %s', (platform) => {
  afterEach(() => app.close());

  test('events and files are streamed in the tenant, whose scope ends with them', async () => {
    tenancy = createTenancy({ store: memoryStore(), resolver: fromHeader('x-tenant') });
    for (const id of ['acme', 'bloom']) await tenancy.tenants.create({ id });
    let ended = 0;
    tenancy.signals.on('deactivated', () => void ended++);
    @Module({ imports: [TenancyModule.forRoot({ tenancy })], controllers: [Streams] })
    class AppModule {}
    const options = { logger: false, abortOnError: false } as const;
    app = await (platform === 'express'
      ? NestFactory.create(AppModule, options)
      : NestFactory.create(AppModule, new FastifyAdapter(), options));
    await app.listen(0, '127.0.0.1');
    const url = await app.getUrl();
    const ask = (path: string, id: string, signal?: AbortSignal) =>
      fetch(`${url}/${path}`, { headers: { 'x-tenant': id }, ...(signal && { signal }) });

    const ids = ['acme', 'bloom'];
    const events = await Promise.all(ids.map(async (id) => (await ask('three', id)).text()));
    const files = await Promise.all(ids.map(async (id) => (await ask('file', id)).text()));
    for (const [index, id] of ids.entries()) {
      const said = [0, 1, 2].map((n) => `${n} in ${id}`);
      expect([...(events[index] ?? '').matchAll(/data: (.*)/g)].map(([, data]) => data)).toEqual(said);
      expect(files[index]?.trim().split('\n')).toEqual(said);
    }
    await vi.waitFor(() => expect(ended).toBe(4));

    // A client that leaves ends the stream and its scope.
    const abort = new AbortController();
    const endless = await ask('events', 'acme', abort.signal);
    const { value } = (await endless.body?.getReader().read()) ?? {};
    expect(new TextDecoder().decode(value)).not.toContain('nobody');
    expect(ended).toBe(4);
    abort.abort();
    await vi.waitFor(() => expect(ended).toBe(5));
  });
});
