import type { IncomingMessage } from 'node:http';
import type { WebSocketAdapter } from '@nestjs/common';
import { bindScope, type Tenancy, type TenantSocket, type TenantSocketOptions } from '@omnitenant/core';
import { checkSocketOptions, openSocket, type SocketScope } from '@omnitenant/core/extend';
import { EMPTY } from 'rxjs';
import { followHooks, hooksSettled } from './gateway-hooks.ts';
import { scopedResult, type Unread } from './scoped-result.ts';

/** What `ws` and socket.io can wait by. */
interface Client {
  readonly request?: IncomingMessage;
  pause?(): void;
  resume?(): void;
  use?(middleware: (packet: unknown, next: () => void) => void): unknown;
}

/**
 * Makes the gateways of an adapter, `WsAdapter` or `IoAdapter`, run in the tenant of the request that opened the socket. `handleConnection` and
 * `handleDisconnect` share a scope that ends with the connection, when both have settled; each message has one of its own, with its guards, interceptors, pipes and filters.
 * A connection that may not enter is closed, and so is one whose tenant is suspended.
 * @example
 * app.useWebSocketAdapter(tenantSocketAdapter(new WsAdapter(app), tenancy));
 */
export function tenantSocketAdapter<Adapter extends WebSocketAdapter>(
  adapter: Adapter,
  tenancy: Pick<Tenancy, 'identify' | 'run' | 'central'>,
  options: TenantSocketOptions = {},
): Adapter {
  checkSocketOptions(options);
  const { onError = console.error } = options;
  const own = {
    create: adapter.create.bind(adapter),
    bindClientConnect: adapter.bindClientConnect.bind(adapter),
    bindClientDisconnect: adapter.bindClientDisconnect?.bind(adapter),
    bindMessageHandlers: adapter.bindMessageHandlers.bind(adapter),
  };
  const sockets = new WeakMap<object, SocketScope>();

  /** Several gateways may share a server, and each is told of its connections. */
  function socketOf(client: Client, request: IncomingMessage | undefined): SocketScope {
    const known = sockets.get(client);
    if (known !== undefined) return known;
    if (request === undefined)
      throw new TypeError('tenantSocketAdapter() requires the request that opened the socket.');
    const opened = openSocket(tenancy, client as TenantSocket, request, options);
    sockets.set(client, opened);
    return opened;
  }

  return Object.assign(adapter, {
    create(port: number, given?: never) {
      followHooks(tenancy, onError);
      return own.create(port, given);
    },

    bindClientConnect(server: never, callback: (...args: unknown[]) => void) {
      own.bindClientConnect(server, (client: Client, request = client.request, ...rest: unknown[]) => {
        const socket = socketOf(client, request);
        const entered = new Promise<void>((resolve, reject) => {
          const connected = () => {
            callback(client, request, ...rest);
            resolve();
            // What the gateways do for a client that has left is done in the scope, too.
            return socket.closed.then(() => hooksSettled(client));
          };
          socket.run(connected).catch(reject);
        });
        holdMessages(client, entered);
      });
    },

    bindClientDisconnect(client: never, callback: () => void) {
      const inScope = bindScope();
      own.bindClientDisconnect?.(client, () => inScope(callback));
    },

    bindMessageHandlers(client: Client, handlers: Parameters<Adapter['bindMessageHandlers']>[1], transform: never) {
      const socket = sockets.get(client);
      const unread = socket && readUntil(socket.closed);
      const scoped = handlers.map(({ callback, ...handler }) => ({
        ...handler,
        // A socket that is refused has been closed, and there is nobody to answer.
        callback: (...args: unknown[]) =>
          scopedResult(
            (fn) => socket?.run(fn) ?? fn(),
            () => callback(...args),
            unread,
          ).catch(() => EMPTY),
      }));
      own.bindMessageHandlers(client, scoped, transform);
    },
  });
}

/** Nobody subscribes to the answer of a message whose sender has left before it was there. */
function readUntil(closed: Promise<void>): Unread {
  const ends = new Set<() => void>();
  let isClosed = false;
  void closed.then(() => {
    isClosed = true;
    for (const end of ends) end();
  });
  return {
    add(end) {
      if (isClosed) end();
      return ends.add(end);
    },
    delete: (end) => ends.delete(end),
  };
}

/** Until the gateway listens, which it does in its tenant, messages wait. One that is refused never listens, and is closed. */
function holdMessages(client: Client, entered: Promise<void>): void {
  client.pause?.();
  client.use?.((_, next) => void entered.then(next, () => {}));
  entered.then(
    () => client.resume?.(),
    () => client.resume?.(),
  );
}
