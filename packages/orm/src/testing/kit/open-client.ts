import { once } from 'node:events';
import { type IncomingMessage, request as overHttp, type Server } from 'node:http';
import { request as overHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import type { LeakApp } from '../leak-app.ts';

/** A client of an application. */
export interface TestClient {
  /** Sends a request there, its own host in the header `Host`, wherever the application is. Redirects are not followed. */
  fetch(request: Request): Promise<Response>;
  /** Whether a request is answered in the asynchronous context that it is made in. */
  readonly inProcess: boolean;
  close(): Promise<void>;
}

export async function openClient(app: LeakApp): Promise<TestClient> {
  if (typeof app === 'string' || app instanceof URL) return clientOf(new URL(app));
  if ('fetch' in app) return handledBy((request) => app.fetch(request));
  return 'listen' in app ? listening(app.listen(0, '127.0.0.1')) : handledBy(app);
}

function handledBy(handle: (request: Request) => Response | Promise<Response>): TestClient {
  return {
    fetch: async (request) => handle(request),
    inProcess: true,
    close: async () => {},
  };
}

async function listening(server: Server): Promise<TestClient> {
  if (!server.listening) await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    ...clientOf(new URL(`http://127.0.0.1:${port}`)),
    close: async () => {
      const closed = once(server, 'close');
      server.close().closeAllConnections();
      await closed;
    },
  };
}

/** Node's fetch sends no other `Host` than that of the URL. */
function clientOf(address: URL): TestClient {
  return {
    fetch: async (request) => {
      const { host, pathname, search } = new URL(request.url);
      const { method, signal } = request;
      const headers = { ...Object.fromEntries(request.headers), host };
      const send = address.protocol === 'https:' ? overHttps : overHttp;
      const sent = send(new URL(pathname + search, address), { method, signal, headers, agent: false });
      sent.end(Buffer.from(await request.arrayBuffer()));
      const [answer] = (await once(sent, 'response')) as [IncomingMessage];
      return responseOf(answer);
    },
    inProcess: false,
    close: async () => {},
  };
}

function responseOf(answer: IncomingMessage): Response {
  const { statusCode: status = 0, rawHeaders } = answer;
  const headers = new Headers();
  for (let n = 0; n < rawHeaders.length; n += 2) headers.append(String(rawHeaders[n]), String(rawHeaders[n + 1]));
  const isEmpty = status === 204 || status === 205 || status === 304;
  if (isEmpty) answer.resume();
  const body = isEmpty ? null : (Readable.toWeb(answer) as ConstructorParameters<typeof Response>[0]);
  return new Response(body, { status, headers });
}
