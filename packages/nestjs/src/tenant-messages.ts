import { Logger } from '@nestjs/common';
import { isTenancyError, type Tenancy, TenancyError } from '@omnitenant/core';
import { type Observable, throwError } from 'rxjs';
import { scopedResult } from './scoped-result.ts';
import { bodyOf } from './tenancy-http-exception.ts';

type MessageHandler = ((...args: unknown[]) => Promise<unknown>) & { next?: MessageHandler; isEventHandler?: boolean };

/** A server of @nestjs/microservices, such as `ServerTCP`. */
interface MessageServer {
  addHandler(pattern: never, handler: never, ...rest: never[]): unknown;
}

/**
 * Makes a server of @nestjs/microservices handle each message and event in the tenant that `tenantOf` reads from it: guards, interceptors, pipes,
 * the handler and the stream that it returns. Every sender can name any tenant, so the transport must be private.
 * @example
 * app.connectMicroservice({ strategy: tenantMessages(new ServerTCP({ port: 4001 }), tenancy, ({ tenant }: Message) => tenant) });
 */
export function tenantMessages<Server extends MessageServer, Data, Context>(
  server: Server,
  tenancy: Pick<Tenancy, 'run'>,
  tenantOf: (data: Data, context: Context) => string | undefined,
): Server {
  const logger = new Logger('TenantMessages');
  const addHandler: (...args: unknown[]) => unknown = server.addHandler.bind(server) as never;
  const unscoped = new WeakMap<MessageHandler, MessageHandler>();

  function idIn(data: unknown, context: unknown): string {
    const id: unknown = tenantOf(data as Data, context as Context);
    if (typeof id === 'string') return id;
    throw new TenancyError('TENANT_UNRESOLVED', 'The message names no tenant.');
  }

  /** A server passes a rejection on to nobody, and some end the process with it. Nobody is answered for an event. */
  function refused(error: unknown, isEvent: boolean | undefined): Observable<never> {
    const known = isTenancyError(error);
    if (!known || error.status >= 500 || isEvent) logger.error(error);
    return throwError(() => (known ? bodyOf(error) : { status: 'error', message: 'Internal server error' }));
  }

  function scoped(handler: MessageHandler): MessageHandler {
    let following: MessageHandler | undefined;
    const inTenant: MessageHandler = async (...args) => {
      try {
        const id = idIn(args[0], args[1]);
        return await scopedResult(
          (fn) => tenancy.run(id, fn),
          () => handler(...args),
        );
      } catch (error) {
        return refused(error, inTenant.isEventHandler);
      }
    };
    unscoped.set(inTenant, handler);
    // Nest chains the handlers of one event by this property. The first one calls the others, in its scope.
    return Object.defineProperty(inTenant, 'next', {
      get: () => following,
      set(next: MessageHandler) {
        following = next;
        handler.next = unscoped.get(next) ?? next;
      },
    });
  }

  return Object.assign(server, {
    addHandler: (pattern: unknown, handler: MessageHandler, ...rest: unknown[]) =>
      addHandler(pattern, scoped(handler), ...rest),
  });
}
