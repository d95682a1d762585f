import 'reflect-metadata';
import { once } from 'node:events';
import {
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type INestApplication,
  Injectable,
  Module,
  type NestInterceptor,
  UseFilters,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { createTenancy, fromSubdomain, memoryStore, type Tenancy, TenancyError } from '@omnitenant/core';
import { defineResource } from '@omnitenant/core/extend';
import { defer, map, type Observable, of } from 'rxjs';
import { io } from 'socket.io-client';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { TenancyExceptionFilter, TenancyModule, tenantSocketAdapter } from '../src/index.ts';

let tenancy: Tenancy;
let app: INestApplication;
let port: number;
let seen: string[];
let ended: string[];
/** What `late` waits for. */
let gate: PromiseWithResolvers<void>;
const closers: (() => unknown)[] = [];
let isFailing: boolean;
/** Has to be closed, and so cannot be opened when the scope has ended. */
const probe = defineResource({
  name: 'probe',
  open: (scope) => ({ of: scope.kind === 'tenant' ? scope.tenant.id : 'central' }),
  close: () => {},
});

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
    const before = here();
    return next
      .handle()
      .pipe(map((answer) => ({ ...answer, data: `${answer.data}, intercepted in ${before} and ${here()}` })));
  }
}

@WebSocketGateway()
class Gateway {
  async handleConnection(): Promise<void> {
    await Promise.resolve();
    seen.push(`connected in ${here()}`);
  }

  async handleDisconnect(): Promise<void> {
    await Promise.resolve();
    if (!isFailing) return void seen.push(`disconnected in ${here()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
    seen.push(`disconnected in ${tenancy.use(probe).of}`);
    throw new Error('out of tea');
  }

  @UseGuards(Guard)
  @UseInterceptors(Interceptor)
  @SubscribeMessage('where')
  async where(@MessageBody() text: string, @ConnectedSocket() _: object) {
    await Promise.resolve();
    return { event: 'answer', data: `${text} in ${here()}` };
  }

  @SubscribeMessage('stream')
  stream() {
    return defer(async () => ({ event: 'answer', data: `streamed in ${here()}` }));
  }

  @SubscribeMessage('late')
  async late() {
    seen.push('late');
    await gate.promise;
    return of({ event: 'answer', data: `late in ${here()}` });
  }

  @UseFilters(TenancyExceptionFilter)
  @SubscribeMessage('refused')
  refused(): never {
    throw new TenancyError('SERVER_UNAVAILABLE', 'The server postgres://secret is down.');
  }
}

/** A second gateway on the same server, which is told of the same connections. */
@WebSocketGateway()
class Other {
  handleConnection() {
    seen.push(`other in ${here()}`);
  }

  @SubscribeMessage('other')
  other() {
    return of({ event: 'answer', data: `other in ${here()}` });
  }
}

beforeEach(async () => {
  seen = [];
  ended = [];
  gate = Promise.withResolvers<void>();
  const resolver = fromSubdomain('app.test');
  // A store that takes its time: what is sent in the meantime is not lost.
  isFailing = false;
  tenancy = createTenancy({ store: memoryStore(), resources: [probe], resolver: async (request) => resolver(request) });
  for (const id of ['acme', 'bloom']) await tenancy.tenants.create({ id });
  tenancy.signals.on(
    'deactivated',
    ({ scope }) => void ended.push(scope.kind === 'tenant' ? scope.tenant.id : 'central'),
  );
});
afterEach(async () => {
  for (const close of closers.splice(0)) close();
  await app.close();
});

async function open(adapter: typeof WsAdapter | typeof IoAdapter): Promise<void> {
  @Module({ imports: [TenancyModule.forRoot({ tenancy })], providers: [Gateway, Other] })
  class AppModule {}
  app = await NestFactory.create(AppModule, { logger: false, abortOnError: false });
  const onError = (error: unknown) => void seen.push(String(error));
  app.useWebSocketAdapter(tenantSocketAdapter(new adapter(app), tenancy, { onError }));
  await app.listen(0, '127.0.0.1');
  port = app.getHttpServer().address().port;
}

describe('on ws', () => {
  beforeEach(() => open(WsAdapter));

  async function connect(id: string): Promise<WebSocket> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { headers: { host: `${id}.app.test` } });
    closers.push(() => socket.terminate());
    await once(socket, 'open');
    return socket;
  }

  async function say(socket: WebSocket, event: string, data?: string): Promise<unknown> {
    const answer = once(socket, 'message');
    socket.send(JSON.stringify({ event, data }));
    return JSON.parse(String((await answer)[0])).data;
  }

  test('a connection and each message are in the tenant, guards and interceptors too', async () => {
    const [acme, bloom] = [await connect('acme'), await connect('bloom')];
    const [one, two] = await Promise.all([say(acme, 'where', 'one'), say(bloom, 'where', 'two')]);
    expect(one).toBe('one in acme, intercepted in acme and acme');
    expect(two).toBe('two in bloom, intercepted in bloom and bloom');
    expect(await say(acme, 'stream')).toBe('streamed in acme');
    expect(await say(acme, 'other')).toBe('other in acme');
    const connected = ['connected in acme', 'other in acme', 'connected in bloom', 'other in bloom'];
    expect([...seen].sort()).toEqual([...connected, 'guard in acme', 'guard in bloom'].sort());
    acme.close();
    await vi.waitFor(() => expect(seen).toContain('disconnected in acme'));
    bloom.close();
    await vi.waitFor(() => expect(seen).toContain('disconnected in bloom'));
    // Two gateways' connections, and three messages of acme; two and one of bloom.
    await vi.waitFor(() => expect(ended.toSorted()).toEqual([...Array(5).fill('acme'), ...Array(3).fill('bloom')]));
  });

  test('the scope of a message ends whose sender has left before it was answered', async () => {
    const socket = await connect('acme');
    socket.send(JSON.stringify({ event: 'late' }));
    await vi.waitFor(() => expect(seen).toContain('late'));
    socket.terminate();
    await vi.waitFor(() => expect(seen).toContain('disconnected in acme'));
    gate.resolve();
    await vi.waitFor(() => expect(tenancy.stats().scopes.open).toBe(0));
  });

  test('an error of a hook is reported, and the scope ends when the hooks have settled', async () => {
    isFailing = true;
    const socket = await connect('acme');
    expect(await say(socket, 'other')).toBe('other in acme');
    socket.close();
    await vi.waitFor(() => expect(seen.slice(-2)).toEqual(['disconnected in acme', 'Error: out of tea']));
    await vi.waitFor(() => expect(tenancy.stats().scopes.open).toBe(0));
  });

  test('a TenancyError of a handler is sent as an exception', async () => {
    const socket = await connect('acme');
    expect(await say(socket, 'refused')).toMatchObject({ status: 'error', message: 'Service Unavailable' });
  });

  test('a connection that may not enter is closed, and no gateway is told of it', async () => {
    const socket = await connect('nobody');
    expect(String((await once(socket, 'close'))[1])).toBe('TENANT_UNKNOWN');
    expect(seen).toEqual([]);
  });

  test('a message after a suspension runs nothing, and closes the connection', async () => {
    const socket = await connect('acme');
    expect(await say(socket, 'other')).toBe('other in acme');
    await tenancy.tenants.suspend('acme');
    socket.send(JSON.stringify({ event: 'where', data: 'late' }));
    expect(String((await once(socket, 'close'))[1])).toBe('TENANT_SUSPENDED');
    expect(seen).not.toContain('guard in acme');
  });
});

describe('on socket.io', () => {
  beforeEach(() => open(IoAdapter));

  function connect(id: string) {
    const options = { transports: ['websocket'], extraHeaders: { host: `${id}.app.test` }, reconnection: false };
    const socket = io(`http://127.0.0.1:${port}`, options);
    closers.push(() => socket.close());
    return socket;
  }

  function say(socket: ReturnType<typeof io>, event: string, data: string): Promise<unknown> {
    const answer = new Promise((resolve) => socket.once('answer', resolve));
    socket.emit(event, data);
    return answer;
  }

  test('a connection and each message are in the tenant; a suspension ends it', async () => {
    const [acme, bloom] = [connect('acme'), connect('bloom')];
    const [one, two] = await Promise.all([say(acme, 'where', 'one'), say(bloom, 'where', 'two')]);
    expect(one).toBe('one in acme, intercepted in acme and acme');
    expect(two).toBe('two in bloom, intercepted in bloom and bloom');
    expect(seen).toContain('connected in acme');

    const exception = new Promise((resolve) => bloom.once('exception', resolve));
    bloom.emit('refused', 'x');
    expect(await exception).toMatchObject({
      code: 'SERVER_UNAVAILABLE',
      message: 'Service Unavailable',
      status: 'error',
    });

    await tenancy.tenants.suspend('acme');
    acme.emit('where', 'late');
    await vi.waitFor(() => expect(acme.disconnected).toBe(true));
    await vi.waitFor(() => expect(seen).toContain('disconnected in acme'));
    expect(bloom.connected).toBe(true);
  });

  test('a connection that may not enter is closed, and no gateway is told of it', async () => {
    const socket = connect('nobody');
    await new Promise((resolve) => socket.once('disconnect', resolve));
    expect(seen).toEqual([]);
  });
});
