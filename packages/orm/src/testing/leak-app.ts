import { once } from 'node:events';
import { Agent, type IncomingMessage, request as overHttp, type Server } from 'node:http';
import { request as overHttps, Agent as TlsAgent } from 'node:https';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** Answers a request, as `app.fetch` of Hono does. */
type FetchHandler = (request: Request) => Response | Promise<Response>;

/**
 * The application that a leak test asks: a fetch handler or what has one (Hono), what listens (Express, Koa, `http.Server`),
 * or the address of a server that runs already.
 */
export type LeakApp =
  | FetchHandler
  | { readonly fetch: FetchHandler }
  | { listen(port: number, host: string): Server }
  | string
  | URL;

/** What an application has answered. */
interface Answer {
  readonly status: number;
  readonly headers: string;
  readonly body: string;
}

/** An application that can be asked. */
export interface OpenApp {
  /** Sends a request there, its own host in the header `Host`, wherever the application is. */
  ask(request: Request): Promise<Answer>;
  close(): Promise<void>;
}

export async function openApp(app: LeakApp): Promise<OpenApp> {
  if (typeof app === 'string' || app instanceof URL) return serverAt(new URL(app));
  if ('fetch' in app) return handledBy((request) => app.fetch(request));
  if ('listen' in app) return listening(app.listen(0, '127.0.0.1'));
  return handledBy(app);
}

function handledBy(handle: FetchHandler): OpenApp {
  return {
    ask: async (request) => {
      const response = await handle(request);
      const headers = [...response.headers].map((header) => header.join(': ')).join('\n');
      return { status: response.status, headers, body: await response.text() };
    },
    close: async () => {},
  };
}

async function listening(server: Server): Promise<OpenApp> {
  if (!server.listening) await once(server, 'listening');
  const at = serverAt(new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
  return {
    ask: at.ask,
    close: async () => {
      await at.close();
      const closed = once(server, 'close');
      server.close().closeAllConnections();
      await closed;
    },
  };
}

/** Connections are kept, so that requests of different tenants come over the same one. */
function serverAt(address: URL): OpenApp {
  const secure = address.protocol === 'https:';
  const agent = secure ? new TlsAgent({ keepAlive: true }) : new Agent({ keepAlive: true });
  return {
    ask: async (request) => {
      const { host, pathname, search } = new URL(request.url);
      const sent = (secure ? overHttps : overHttp)(new URL(pathname + search, address), {
        method: request.method,
        headers: { ...Object.fromEntries(request.headers), host },
        agent,
      });
      sent.end(Buffer.from(await request.arrayBuffer()));
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      const headers = response.rawHeaders.join('\n');
      return { status: response.statusCode ?? 0, headers, body: (await buffer(response)).toString() };
    },
    close: async () => agent.destroy(),
  };
}
