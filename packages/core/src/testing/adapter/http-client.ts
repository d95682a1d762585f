import { once } from 'node:events';
import { type Agent, type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** A request as it goes over the wire. */
export interface Call {
  readonly method?: string;
  /** The Host header; several for as many headers. */
  readonly host: string | readonly string[];
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The request's body, sent piece by piece. */
  readonly body?: AsyncIterable<string> | undefined;
  readonly agent?: Agent | undefined;
}

/** What came back. */
export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** False where the server cut the answer off. */
  readonly complete: boolean;
  /** The client's port: the same for requests that shared a connection. */
  readonly port: number | undefined;
}

/** Sends a request and reads the whole answer. */
export async function ask(server: number, call: Call): Promise<Reply> {
  const sent = send(server, call);
  const [[response], port] = await Promise.all([
    once(sent, 'response') as Promise<[IncomingMessage]>,
    once(sent, 'socket').then(([socket]) => localPort(socket)),
    call.body === undefined ? sent.end() : pipeline(Readable.from(call.body), sent),
  ]);
  const { body, complete } = await read(response);
  return { status: response.statusCode ?? 0, headers: response.headers, body, complete, port };
}

/** Begins a request that its caller ends, or abandons. */
export function send(server: number, { method = 'GET', host, path = '/', headers = {}, agent }: Call): ClientRequest {
  const lines = [...[host].flat().map((value) => ['Host', value]), ...Object.entries(headers)].flat();
  return request({ host: '127.0.0.1', port: server, method, path, headers: lines, agent: agent ?? false });
}

/** Asks, and pauses at the first piece of the answer. */
export async function begin(server: number, host: string): Promise<[ClientRequest, IncomingMessage]> {
  const sent = send(server, { host });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.on('error', () => {});
  await once(response, 'data');
  response.pause();
  return [sent, response];
}

/** Leaves in the middle of the answer. */
export async function leave(server: number, host: string): Promise<void> {
  const [sent] = await begin(server, host);
  await abandon(sent);
}

/** Ends a request without an answer, and returns when the connection is gone. */
export function abandon(sent: ClientRequest): Promise<void> {
  sent.on('error', () => {});
  return new Promise((resolve) => void sent.on('close', resolve).destroy());
}

async function read(response: IncomingMessage): Promise<{ body: string; complete: boolean }> {
  let body = '';
  try {
    for await (const chunk of response.setEncoding('utf8')) body += chunk;
  } catch {
    // The server cut it off.
  }
  return { body, complete: response.complete };
}

async function localPort(socket: Socket): Promise<number | undefined> {
  if (socket.connecting) await once(socket, 'connect');
  return socket.localPort;
}
