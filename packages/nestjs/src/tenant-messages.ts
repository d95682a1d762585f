import { Logger } from '@nestjs/common';
import { isTenancyError, type Tenancy, TenancyError } from '@omnitenant/core';
import { throwError } from 'rxjs';
import { scopedResult } from './scoped-result.ts';
import { bodyOf } from './tenancy-http-exception.ts';

type MessageHandler = ((data: never, context: never) => Promise<unknown>) & { next?: MessageHandler };

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

  function scoped(handler: MessageHandler): MessageHandler {
    const inTenant = async (data: never, context: never) => {
      try {
        const id = tenantOf(data as Data, context as Context);
        if (id === undefined) throw new TenancyError('TENANT_UNRESOLVED', 'The message names no tenant.');
        return await scopedResult(
          (fn) => tenancy.run(id, fn),
          () => handler(data, context),
        );
      } catch (error) {
        if (!isTenancyError(error)) throw error;
        if (error.status >= 500) logger.error(error);
        return throwError(() => bodyOf(error));
      }
    };
    // Nest chains the handlers of one event by this property.
    return Object.defineProperty(inTenant, 'next', {
      get: () => handler.next,
      set: (next: MessageHandler) => Object.assign(handler, { next }),
    });
  }

  return Object.assign(server, {
    addHandler: (pattern: unknown, handler: MessageHandler, ...rest: unknown[]) =>
      addHandler(pattern, scoped(handler), ...rest),
  });
}
