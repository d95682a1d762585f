import type { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
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
      try {
        next();
      } catch (error) {
        // What follows has thrown before it could answer; a second call of `next` could answer twice.
        response.destroy();
        throw error;
      }
      return closed(response);
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

function closed(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => (response.closed ? resolve() : response.once('close', resolve)));
}
