import type { IncomingMessage } from 'node:http';
import { checkSocketOptions, openSocket, type TenantSocket, type TenantSocketOptions } from './open-socket.ts';
import type { Tenancy } from './tenancy.ts';

/** Makes a listener run in the tenant of its socket, each call in a separate scope. */
export type InTenant = <Args extends readonly unknown[]>(
  listener: (...args: Args) => unknown,
) => (...args: Args) => Promise<void>;

/**
 * Binds the connections of `ws` and socket.io to the tenants of the requests that opened them. Each event is handled in a scope of its own,
 * which is refused once the tenant is suspended. A connection that may not enter is closed, and so is one whose request would be refused now: it is
 * identified again every `recheckMs`.
 * @example
 * const sockets = tenantSockets(tenancy);
 * server.on('connection', (socket, request) => {
 *   const inTenant = sockets(socket, request);
 *   socket.on('message', inTenant(async () => socket.send(String(await orm.em.count(Order)))));
 * });
 */
export function tenantSockets(
  tenancy: Pick<Tenancy, 'identify' | 'run' | 'central'>,
  options: TenantSocketOptions = {},
): (socket: TenantSocket, request: IncomingMessage) => InTenant {
  const { onError = console.error } = options;
  checkSocketOptions(options);
  return (socket, request) => {
    const open = openSocket(tenancy, socket, request, options);
    return (listener) =>
      async (...args) => {
        let entered = false;
        try {
          await open.run(() => {
            entered = true;
            return listener(...args);
          });
        } catch (error) {
          // One that was not entered has been closed.
          if (entered) onError(error);
        }
      };
  };
}
