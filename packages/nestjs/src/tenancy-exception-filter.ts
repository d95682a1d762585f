import { type ArgumentsHost, Catch, type ExceptionFilter, Inject, Logger } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { TenancyError } from '@omnitenant/core';
import { throwError } from 'rxjs';
import { bodyOf, TenancyHttpException } from './tenancy-http-exception.ts';

/** What a filter can answer a client of `ws` or socket.io by. */
interface Client {
  disconnect?: unknown;
  emit?(event: string, data: object): unknown;
  send?(text: string): unknown;
}

/**
 * Answers a `TenancyError` with its status and headers. Its message is sent only where callers may read it, and is logged if it is a fault of the
 * server. `TenancyModule` applies it to HTTP; Nest applies no global filter to gateways, and to microservices of a hybrid application only with
 * `inheritAppConfig`.
 * @example
 * @UseFilters(TenancyExceptionFilter)
 * @WebSocketGateway()
 * export class OrderGateway {}
 */
export class TenancyExceptionFilter implements ExceptionFilter<TenancyError | TenancyHttpException> {
  readonly #adapters: HttpAdapterHost;
  readonly #logger: Logger = new Logger('TenancyExceptionFilter');

  constructor(adapters: HttpAdapterHost) {
    this.#adapters = adapters;
  }

  catch(exception: TenancyError | TenancyHttpException, host: ArgumentsHost): unknown {
    const error = exception instanceof TenancyHttpException ? exception.cause : exception;
    if (error.status >= 500 && !error.expose) this.#logger.error(error);
    const type: string = host.getType();
    if (type === 'http') return this.#reply(error, host);
    if (type === 'rpc') return throwError(() => bodyOf(error));
    if (type === 'ws') return tell(host.switchToWs().getClient(), { status: 'error', ...bodyOf(error) });
    return error.expose ? error : Object.assign(new Error(bodyOf(error).message), { code: error.code });
  }

  #reply(error: TenancyError, host: ArgumentsHost): void {
    const { httpAdapter } = this.#adapters;
    const response = host.switchToHttp().getResponse();
    if (httpAdapter.isHeadersSent(response)) return void httpAdapter.end(response);
    for (const [name, value] of Object.entries(error.headers ?? {})) httpAdapter.setHeader(response, name, value);
    httpAdapter.reply(response, bodyOf(error), error.status);
  }
}

/** `emit` of socket.io sends an event to the other side; that of `ws` only calls listeners on this one. */
function tell(client: Client, data: object): void {
  if ('disconnect' in client) client.emit?.('exception', data);
  else client.send?.(JSON.stringify({ event: 'exception', data }));
}

Catch(TenancyError, TenancyHttpException)(TenancyExceptionFilter);
Inject(HttpAdapterHost)(TenancyExceptionFilter, undefined, 0);
