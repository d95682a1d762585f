import 'reflect-metadata';
import type { AddressInfo, Server } from 'node:net';
import {
  type CallHandler,
  type CanActivate,
  Controller,
  type ExecutionContext,
  type INestApplication,
  Injectable,
  Module,
  type NestInterceptor,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  type ClientProxy,
  ClientProxyFactory,
  EventPattern,
  MessagePattern,
  Payload,
  ServerTCP,
  Transport,
} from '@nestjs/microservices';
import { createTenancy, memoryStore, type Tenancy, TenancyError } from '@omnitenant/core';
import { concatMap, firstValueFrom, from, lastValueFrom, map, type Observable, toArray } from 'rxjs';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { TenancyExceptionFilter, TenancyModule, tenantMessages } from '../src/index.ts';

interface Message {
  readonly tenant?: string;
}

let tenancy: Tenancy;
let app: INestApplication;
let client: ClientProxy;
let seen: string[];
let ended: string[];

const here = () => tenancy.tryCurrent()?.id ?? 'nobody';

@Injectable()
class Guard implements CanActivate {
  async canActivate() {
    await Promise.resolve();
    seen.push(`guard in ${here()}`);
    return true;
  }
}

@Injectable()
class Interceptor implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map((answer) => `${answer}, intercepted in ${here()}`));
  }
}

@Controller()
class Messages {
  @UseGuards(Guard)
  @UseInterceptors(Interceptor)
  @MessagePattern('where')
  async where() {
    await Promise.resolve();
    return `handled in ${here()}`;
  }

  @MessagePattern('stream')
  stream(@Payload() { tenant }: Message) {
    return from([1, 2, 3]).pipe(
      concatMap(async (part) => {
        await Promise.resolve();
        return `${part} of ${tenant} in ${here()}`;
      }),
    );
  }

  @UseFilters(TenancyExceptionFilter)
  @MessagePattern('refused')
  refused(): never {
    throw new TenancyError('SERVER_UNAVAILABLE', 'The server postgres://secret is down.');
  }

  @EventPattern('happened')
  async happened() {
    await Promise.resolve();
    seen.push(`first in ${here()}`);
  }
}

/** Nest chains the handlers of one event. */
@Controller()
class MoreMessages {
  @EventPattern('happened')
  async happened() {
    await Promise.resolve();
    seen.push(`second in ${here()}`);
  }

  @EventPattern('scoped')
  scoped({ tenant }: Message) {
    seen.push(`${tenant} is told second in ${here()}`);
  }
}

/** Made for each event; Nest hands its handler, and those after it, other arguments. */
@Controller({ scope: Scope.REQUEST })
class ScopedMessages {
  @EventPattern('scoped')
  async scoped({ tenant }: Message) {
    await Promise.resolve();
    seen.push(`${tenant} is told first in ${here()}`);
  }
}

beforeEach(async () => {
  seen = [];
  ended = [];
  tenancy = createTenancy({ store: memoryStore() });
  for (const id of ['acme', 'bloom']) await tenancy.tenants.create({ id });
  tenancy.signals.on(
    'deactivated',
    ({ scope }) => void ended.push(scope.kind === 'tenant' ? scope.tenant.id : 'central'),
  );

  @Module({ imports: [TenancyModule.forRoot({ tenancy })], controllers: [Messages, ScopedMessages, MoreMessages] })
  class AppModule {}
  app = await NestFactory.create(AppModule, { logger: false, abortOnError: false });
  const server = new ServerTCP({ host: '127.0.0.1', port: 0 });
  app.connectMicroservice({ strategy: tenantMessages(server, tenancy, ({ tenant }: Message) => tenant) });
  await app.startAllMicroservices();
  const { port } = server.unwrap<Server>().address() as AddressInfo;
  client = ClientProxyFactory.create({ transport: Transport.TCP, options: { host: '127.0.0.1', port } });
});
afterEach(async () => {
  client.close();
  await app.close();
});

const send = (pattern: string, data: Message) => firstValueFrom(client.send<string>(pattern, data));

test('a message is handled in its tenant, by guards and interceptors too', async () => {
  const answers = await Promise.all(['acme', 'bloom'].map((tenant) => send('where', { tenant })));
  expect(answers).toEqual(['acme', 'bloom'].map((id) => `handled in ${id}, intercepted in ${id}`));
  expect(seen.toSorted()).toEqual(['guard in acme', 'guard in bloom']);
  expect(ended.toSorted()).toEqual(['acme', 'bloom']);
});

test('a stream stays in its tenant, and then the scope ends', async () => {
  const parts = await firstValueFrom(client.send<string>('stream', { tenant: 'acme' }).pipe(toArray()));
  expect(parts).toEqual([1, 2, 3].map((part) => `${part} of acme in acme`));
  await vi.waitFor(() => expect(ended).toEqual(['acme']));
});

test('an event reaches each of its handlers in the tenant', async () => {
  await firstValueFrom(client.emit('happened', { tenant: 'bloom' }), { defaultValue: undefined });
  await vi.waitFor(() => expect(seen.toSorted()).toEqual(['first in bloom', 'second in bloom']));
  await vi.waitFor(() => expect(ended).toEqual(['bloom']));
});

test('an event reaches handlers that are made for it, and those after them', async () => {
  await firstValueFrom(client.emit('scoped', { tenant: 'bloom' }), { defaultValue: undefined });
  const told = ['first', 'second'].map((which) => `bloom is told ${which} in bloom`);
  await vi.waitFor(() => expect(seen.toSorted()).toEqual(told));
});

test('a message whose tenant cannot be read is refused, and its handler is given all that the server gives', async () => {
  const handlers = new Map<string, (...args: unknown[]) => Promise<unknown>>();
  const server = {
    addHandler(pattern: string, handler: (...args: unknown[]) => Promise<unknown>) {
      handlers.set(pattern, handler);
    },
  };
  const scoped = tenantMessages(server, tenancy, ({ tenant }: Message) => tenant);
  scoped.addHandler('all', async (...args) => [here(), ...args]);
  const call = handlers.get('all');
  expect(await call?.({ tenant: 'acme' }, 'metadata', 'call')).toEqual([
    'acme',
    { tenant: 'acme' },
    'metadata',
    'call',
  ]);
  const unresolved = { code: 'TENANT_UNRESOLVED', statusCode: 400 };
  for (const tenant of [{ id: 'acme' }, ['acme'], 5, null]) {
    await expect(lastValueFrom((await call?.({ tenant })) as Observable<unknown>)).rejects.toMatchObject(unresolved);
  }
  const failed = lastValueFrom((await call?.(null)) as Observable<unknown>);
  await expect(failed).rejects.toEqual({ status: 'error', message: 'Internal server error' });
});

test('a message that may not enter runs nothing, and is told why', async () => {
  await tenancy.tenants.suspend('acme');
  await expect(send('where', { tenant: 'acme' })).rejects.toMatchObject({ code: 'TENANT_SUSPENDED', statusCode: 403 });
  await expect(send('where', { tenant: 'nobody' })).rejects.toMatchObject({
    message: 'Not Found',
    code: 'TENANT_UNKNOWN',
  });
  await expect(send('where', {})).rejects.toMatchObject({ code: 'TENANT_UNRESOLVED' });
  await expect(send('refused', { tenant: 'bloom' })).rejects.toMatchObject({
    code: 'SERVER_UNAVAILABLE',
    message: 'Service Unavailable',
  });
  client.emit('happened', { tenant: 'nobody' }).subscribe();
  expect(await send('where', { tenant: 'bloom' })).toContain('bloom');
  expect(seen).toEqual(['guard in bloom']);
});
