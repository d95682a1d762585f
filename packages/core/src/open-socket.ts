import type { IncomingMessage } from 'node:http';
import { isTenancyError, TenancyError, unknownTenant } from './errors/errors.ts';
import { type OptionNames, unknownOption } from './errors/unknown-option.ts';
import { nodeRequest } from './integrations/node-request.ts';
import { incarnationOf, isSameIncarnation } from './models/incarnation.ts';
import type { Tenant } from './models/tenant.ts';
import type { Tenancy } from './tenancy.ts';

/** A connection of `ws`, or of socket.io. */
export type TenantSocket = PlainSocket | SocketIoSocket;

interface PlainSocket {
  /** 3 where it is closed. */
  readonly readyState?: number;
  close(code: number, reason: string): unknown;
  once(event: 'close', listener: () => void): unknown;
}

interface SocketIoSocket {
  readonly disconnected?: boolean;
  disconnect(close: true): unknown;
  once(event: 'disconnect', listener: () => void): unknown;
}

/** Options of a socket. */
export interface TenantSocketOptions {
  /** The host of the request that opened the socket. Default: its header. Read `X-Forwarded-Host` only if none but the proxy can reach the server. */
  readonly host?: ((request: IncomingMessage) => string | undefined) | undefined;
  /** How often that request is identified again, in milliseconds. Default 30 000. */
  readonly recheckMs?: number | undefined;
  /** Receives errors that nobody else does: those of listeners, and of identifying if that is no fault of the request. Default: `console.error`. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** A socket of one tenant. */
export interface SocketScope {
  /**
   * Runs `fn` in a scope of its own. If the tenant cannot be entered any more, the socket is closed, and it rejects without having called `fn`.
   */
  run<R>(fn: () => R): Promise<Awaited<R>>;
  /** Resolves when the socket has been closed, by whichever side. */
  readonly closed: Promise<void>;
}

const optionNames: OptionNames<TenantSocketOptions> = { host: true, recheckMs: true, onError: true };
/** What a timer takes. */
const maxMs = 2 ** 31 - 1;

/** @throws CONFIG_INVALID */
export function checkSocketOptions(options: TenantSocketOptions): void {
  const { recheckMs = 1 } = options;
  const isDuration = recheckMs >= 1 && recheckMs <= maxMs;
  const fault = isDuration ? unknownOption(options, optionNames) : `takes a recheckMs from 1 to ${maxMs}.`;
  if (fault !== undefined) throw new TenancyError('CONFIG_INVALID', `A tenant's socket ${fault}`);
}

type Enters = Pick<Tenancy, 'identify' | 'run' | 'central'>;

/**
 * Binds a socket to the tenant of the request that opened it, or to central for a public host. The request is identified again from time to time,
 * and the socket is closed when that is refused: its tenant was suspended, its token has expired.
 */
export function openSocket(
  tenancy: Enters,
  socket: TenantSocket,
  incoming: IncomingMessage,
  { host, recheckMs = 30_000, onError = console.error }: TenantSocketOptions = {},
): SocketScope {
  const request = nodeRequest(incoming, host);
  const identified = tenancy.identify(request);
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  let refusal: { readonly error: unknown } | undefined;

  function refuse(error: unknown): void {
    if (refusal !== undefined) return;
    refusal = { error };
    if (isOurs(error)) onError(error);
    close(socket, error);
  }

  async function recheck(): Promise<void> {
    try {
      const [first, now] = [await identified, await tenancy.identify(request)];
      if (whose(first) !== whose(now)) refuse(unknownTenant(first?.id ?? 'central'));
    } catch (error) {
      // A store that is down says nothing about the tenant.
      if (!isOurs(error)) refuse(error);
    }
  }

  const timer = setInterval(recheck, recheckMs).unref();
  whenClosed(socket, () => {
    clearInterval(timer);
    resolve();
  });
  identified.catch(refuse);

  return {
    closed,
    async run<R>(fn: () => R): Promise<Awaited<R>> {
      let entered = false;
      const enter = () => {
        // A client that does not answer the closing is heard for a while.
        if (refusal !== undefined) throw refusal.error;
        entered = true;
        return fn();
      };
      try {
        const tenant = await identified;
        if (tenant === undefined) return await tenancy.central(enter);
        return await tenancy.run(tenant.id, (now) => {
          // The socket was opened in a former tenant of that id.
          if (!isSameIncarnation(tenant, now)) throw unknownTenant(tenant.id);
          return enter();
        });
      } catch (error) {
        if (!entered) refuse(error);
        throw error;
      }
    },
  };
}

function whose(tenant: Tenant | undefined): string | undefined {
  return tenant && incarnationOf(tenant);
}

function whenClosed(socket: TenantSocket, listener: () => void): void {
  // One that was closed before, such as while a session was read, tells of it no more.
  if ('disconnect' in socket) {
    if (socket.disconnected === true) listener();
    else socket.once('disconnect', listener);
  } else if (socket.readyState === 3) listener();
  else socket.once('close', listener);
}

/** Whether the error is no answer to the request, but a fault of the server, such as a store that is down. */
function isOurs(error: unknown): boolean {
  if (!isTenancyError(error)) return true;
  return error.status >= 500 && error.code !== 'TENANT_MAINTENANCE';
}

/** 1008: against the rules; 1013: try again later; 1011: an error of the server. */
function close(socket: TenantSocket, error: unknown): void {
  if ('disconnect' in socket) return void socket.disconnect(true);
  if (!isTenancyError(error)) return void socket.close(1011, '');
  socket.close(error.status < 500 ? 1008 : 1013, error.code);
}
