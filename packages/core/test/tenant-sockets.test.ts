import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { Server as SocketIo } from 'socket.io';
import { io } from 'socket.io-client';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import {
  createTenancy,
  fromSubdomain,
  memoryStore,
  type Tenancy,
  type TenancyOptions,
  type TenantSocketOptions,
  tenantSockets,
} from '../src/index.ts';

let tenancy: Tenancy;
let server: Server;
let port: number;
const closers: (() => unknown)[] = [];

beforeEach(async () => {
  server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await tenancy.close();
});

async function open(options: Partial<TenancyOptions> = {}): Promise<void> {
  const resolver = fromSubdomain('app.test');
  tenancy = createTenancy({ store: memoryStore(), resolver, publicHosts: ['app.test'], ...options });
  for (const id of ['acme', 'bloom']) await tenancy.tenants.create({ id });
}

const here = () => tenancy.tryCurrent()?.id ?? 'nobody';

/** A server that answers each message with its tenant. */
function serveWs(options?: TenantSocketOptions): void {
  const sockets = tenantSockets(tenancy, options);
  const wss = new WebSocketServer({ server });
  closers.push(() => new Promise((resolve) => wss.close(resolve)));
  wss.on('connection', (socket, request) => {
    const inTenant = sockets(socket, request);
    socket.on(
      'message',
      inTenant(async (data) => {
        if (String(data) === 'fail') throw new Error('out of tea');
        await setImmediate();
        socket.send(`${String(data)} in ${here()}`);
      }),
    );
  });
}

function connect(host: string): WebSocket {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { headers: { host } });
  closers.push(() => socket.terminate());
  return socket;
}

async function say(socket: WebSocket, text: string): Promise<string> {
  const answer = once(socket, 'message');
  socket.send(text);
  return String((await answer)[0]);
}

async function closing(socket: WebSocket): Promise<string> {
  const [code, reason] = await once(socket, 'close');
  return `${code} ${reason}`;
}

describe('a connection of ws', () => {
  test('has each message handled in the tenant of its host, from the first one on', async () => {
    await open({ resolver: async (request) => fromSubdomain('app.test')(request) });
    serveWs();
    const sockets = ['acme', 'bloom', 'acme'].map((id) => ({ id, socket: connect(`${id}.app.test`) }));
    await Promise.all(
      sockets.map(async ({ id, socket }) => {
        await once(socket, 'open');
        expect(await say(socket, 'one')).toBe(`one in ${id}`);
        expect(await say(socket, 'two')).toBe(`two in ${id}`);
      }),
    );
    const open2 = connect('app.test');
    await once(open2, 'open');
    expect(await say(open2, 'hello')).toBe('hello in nobody');
  });

  test('is closed if it may not enter a tenant', async () => {
    await open({ authorize: (_, { header }) => header('cookie') === 'let me in' });
    serveWs();
    expect(await closing(connect('nobody.app.test'))).toBe('1008 TENANT_UNKNOWN');
    expect(await closing(connect('elsewhere.test'))).toBe('1008 TENANT_UNRESOLVED');
    expect(await closing(connect('acme.app.test'))).toBe('1008 TENANT_FORBIDDEN');
  });

  test('is refused with the first message after a suspension, and closed', async () => {
    await open();
    serveWs();
    const socket = connect('acme.app.test');
    await once(socket, 'open');
    expect(await say(socket, 'one')).toBe('one in acme');
    await tenancy.tenants.suspend('acme');
    socket.on('message', () => expect.unreachable());
    socket.send('two');
    expect(await closing(socket)).toBe('1008 TENANT_SUSPENDED');
  });

  test('is closed after a suspension though it only listens, and when its session has ended', async () => {
    let isLoggedIn = true;
    await open({ authorize: () => isLoggedIn });
    serveWs({ recheckMs: 20 });
    const [acme, bloom] = [connect('acme.app.test'), connect('bloom.app.test')];
    await Promise.all([once(acme, 'open'), once(bloom, 'open')]);
    await tenancy.tenants.suspend('acme');
    expect(await closing(acme)).toBe('1008 TENANT_SUSPENDED');
    expect(await say(bloom, 'still here')).toBe('still here in bloom');
    isLoggedIn = false;
    expect(await closing(bloom)).toBe('1008 TENANT_FORBIDDEN');
  });

  test.each([
    { how: 'that speaks', speaks: true, recheckMs: 60_000 },
    { how: 'that only listens', speaks: false, recheckMs: 20 },
  ])('$how does not stay for a later tenant of the same id', async ({ speaks, recheckMs }) => {
    await open();
    serveWs({ recheckMs });
    const socket = connect('acme.app.test');
    await once(socket, 'open');
    expect(await say(socket, 'one')).toBe('one in acme');
    const closed = closing(socket);
    socket.on('message', () => socket.terminate());
    await tenancy.tenants.remove('acme');
    await tenancy.tenants.create({ id: 'acme' });
    if (speaks) socket.send('two');
    expect(await closed).toMatch(/^1008 /);
  });

  test('is not heard any more once it is refused, though its client does not answer the closing', async () => {
    let isLoggedIn = true;
    await open({ authorize: () => isLoggedIn });
    const heard: string[] = [];
    const bind = tenantSockets(tenancy, { recheckMs: 20 });
    const served = new Promise<WebSocket>((resolve) => {
      new WebSocketServer({ server }).on('connection', (socket, request) => {
        socket.on(
          'message',
          bind(socket, request)((data) => heard.push(`${String(data)} in ${here()}`)),
        );
        resolve(socket);
      });
    });
    const client = connect('acme.app.test');
    await once(client, 'open');
    // It answers a closing by itself, unless it does not read.
    client.pause();
    const socket = await served;
    client.send('one');
    await vi.waitFor(() => expect(heard).toEqual(['one in acme']));
    isLoggedIn = false;
    await vi.waitFor(() => expect(socket.readyState).toBe(WebSocket.CLOSING));
    isLoggedIn = true;
    const arrived = once(socket, 'message');
    client.send('two');
    await arrived;
    await setImmediate();
    expect(heard).toEqual(['one in acme']);
  });

  test('stays open while the store is down', async () => {
    const store = memoryStore();
    let downs = 0;
    let isDown = false;
    const find: typeof store.find = async (id) => {
      if (!isDown) return store.find(id);
      downs++;
      throw new Error('connect ECONNREFUSED');
    };
    await open({ store: { ...store, find }, cache: { ttlMs: 1, trustMs: 1 } });
    serveWs({ recheckMs: 10 });
    const socket = connect('acme.app.test');
    await once(socket, 'open');
    isDown = true;
    await vi.waitFor(() => expect(downs).toBeGreaterThan(2));
    isDown = false;
    expect(await say(socket, 'hello')).toBe('hello in acme');
  });

  test('stays open after an error of a listener, which is reported', async () => {
    await open();
    const onError = vi.fn();
    serveWs({ onError });
    const socket = connect('acme.app.test');
    await once(socket, 'open');
    socket.send('fail');
    expect(await say(socket, 'hello')).toBe('hello in acme');
    expect(onError).toHaveBeenCalledExactlyOnceWith(new Error('out of tea'));
  });
});

test('a connection of socket.io has each event handled in its tenant, and is closed after a suspension', async () => {
  await open();
  const sockets = tenantSockets(tenancy);
  const site = new SocketIo(server);
  closers.push(() => site.close());
  site.on('connection', (socket) => {
    const inTenant = sockets(socket, socket.request);
    socket.on(
      'where',
      inTenant((text: string, reply: (answer: string) => void) => reply(`${text} in ${here()}`)),
    );
  });
  const dial = (host: string) => {
    const client = io(`http://127.0.0.1:${port}`, {
      transports: ['websocket'],
      extraHeaders: { host },
      reconnection: false,
    });
    closers.push(() => client.close());
    return client;
  };
  const [acme, bloom, nobody] = [dial('acme.app.test'), dial('bloom.app.test'), dial('nobody.app.test')];
  expect(await acme.emitWithAck('where', 'one')).toBe('one in acme');
  expect(await bloom.emitWithAck('where', 'two')).toBe('two in bloom');
  await vi.waitFor(() => expect(nobody.disconnected).toBe(true));
  await tenancy.tenants.suspend('acme');
  const closed = new Promise((resolve) => acme.once('disconnect', resolve));
  acme.emit('where', 'three', () => {});
  expect(await closed).toBe('io server disconnect');
  expect(await bloom.emitWithAck('where', 'still')).toBe('still in bloom');
});

test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31])('an interval of %s is refused', async (recheckMs) => {
  await open();
  const invalid = expect.objectContaining({ code: 'CONFIG_INVALID' }) as Error;
  expect(() => tenantSockets(tenancy, { recheckMs })).toThrow(invalid);
});

test('an option of sockets that is mistyped is refused', async () => {
  await open();
  expect(() => tenantSockets(tenancy, { recheckMS: 5 } as TenantSocketOptions)).toThrow(/did you mean "recheckMs"/);
});

test('a socket that was closed before it is bound is not identified again', async () => {
  const authorize = vi.fn(() => true);
  await open({ authorize });
  const bind = tenantSockets(tenancy, { recheckMs: 10 });
  const bound = Promise.withResolvers<void>();
  const wss = new WebSocketServer({ server });
  closers.push(() => new Promise((resolve) => wss.close(resolve)));
  wss.on('connection', async (socket, request) => {
    await once(socket, 'close');
    bind(socket, request);
    bound.resolve();
  });
  const socket = connect('acme.app.test');
  await once(socket, 'open');
  socket.terminate();
  await bound.promise;
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(authorize).toHaveBeenCalledTimes(1);
});
