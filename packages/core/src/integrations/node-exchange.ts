import type { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { warn } from '../errors/warn.ts';
import type { TenantRequest } from '../resolvers/resolver.ts';
import { bindScope } from '../scope/context.ts';

interface Enters {
  enter(request: TenantRequest, fn: () => Promise<void>): Promise<void>;
}

/** A request and its response on a Node server. */
export interface NodeExchange {
  readonly incoming: IncomingMessage;
  readonly response: ServerResponse;
}

/**
 * Calls `next` in the request's tenant or in central, and ends the scope when the response has been sent or the client has disconnected.
 * If no tenant can be entered, `next` is called with the error, outside all scopes.
 */
export function enterUntilClosed(
  tenancy: Enters,
  request: TenantRequest,
  { incoming, response }: NodeExchange,
  next: (error?: unknown) => void,
): void {
  let entered = false;
  tenancy
    .enter(request, () => {
      entered = true;
      bindListeners(incoming);
      bindListeners(response);
      bindCallbacks(response);
      try {
        next();
      } catch (error) {
        // What follows has thrown before it could answer; a second call of `next` could answer twice.
        response.destroy();
        throw error;
      }
      return responseClosed({ incoming, response });
    })
    // An error after the response, such as one of closing a resource, can no longer be answered.
    .catch((error) => (entered ? warn(error) : next(error)))
    .catch((error) => {
      response.destroy();
      warn(error);
    });
}

/** A socket emits events outside all scopes; this makes the listeners of the request and the response run in its scope. */
function bindListeners(emitter: EventEmitter): void {
  const inScope = bindScope();
  const { emit } = emitter;
  emitter.emit = (...args) => inScope(() => emit.apply(emitter, args));
}

/**
 * What waits behind an earlier response of its connection is written when that one ends, in its scope; this makes the callbacks of such writes
 * run in their own.
 */
export function bindCallbacks(response: ServerResponse): void {
  if (response.socket?.writableLength === 0) return;
  const inScope = bindScope();
  for (const name of ['write', 'end'] as const) {
    const method: (...args: never[]) => unknown = response[name];
    const bound = (arg: unknown) =>
      typeof arg === 'function' ? (...args: unknown[]) => inScope(() => Reflect.apply(arg, undefined, args)) : arg;
    Reflect.set(response, name, (...args: unknown[]) => method.apply(response, args.map(bound) as never[]));
  }
}

/** Resolves when a response has been sent, or cannot be sent any more. */
export function responseClosed({ incoming, response }: NodeExchange): Promise<void> {
  return new Promise((resolve) => {
    if (response.closed) return resolve();
    response.once('close', resolve);
    // One that waits behind others has no socket yet, and is not told that the client has left.
    if (response.socket === null) response.once('close', whenGone(incoming.socket, resolve));
  });
}

const waiting = new WeakMap<Socket, Set<() => void>>();

/** Calls back when a connection has ended: one listener for all of its requests. Returns what undoes it. */
function whenGone(socket: Socket, callback: () => void): () => void {
  if (socket.destroyed) callback();
  const callbacks = waiting.get(socket) ?? new Set();
  if (!waiting.has(socket)) {
    waiting.set(socket, callbacks);
    socket.once('close', () => {
      for (const each of callbacks) each();
    });
  }
  callbacks.add(callback);
  return () => callbacks.delete(callback);
}
