import type { Agent } from 'node:http';
import { ask as send } from '../packages/core/src/testing/adapter/http-client.ts';

export interface Answer {
  readonly status: number;
  /** The value of a JSON answer, else the text. */
  readonly body: unknown;
}

export interface AskOptions {
  /** Sent as JSON. */
  readonly body?: object | undefined;
  /** Sent as a bearer token. */
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Keeps the connection for the next request; by default each request has its own. */
  readonly agent?: Agent | undefined;
}

/**
 * Sends a request for `http://host/path` to a server on this machine, whatever the host name resolves to. `fetch` cannot: it sets the
 * Host header to the address that it connects to.
 */
export async function ask(
  port: number,
  [method, url]: readonly [method: string, url: string],
  { body, token, headers = {}, agent }: AskOptions = {},
): Promise<Answer> {
  const { host, pathname, search } = new URL(`http://${url}`);
  const sent: Record<string, string> = { ...headers };
  if (body !== undefined) sent['content-type'] = 'application/json';
  if (token !== undefined) sent.authorization = `Bearer ${token}`;
  const reply = await send(port, {
    method,
    host,
    path: `${pathname}${search}`,
    headers: sent,
    body: body && pieces(JSON.stringify(body)),
    agent,
  });
  const isJson = /\bjson\b/.test(reply.headers['content-type'] ?? '');
  return { status: reply.status, body: isJson ? JSON.parse(reply.body) : reply.body };
}

async function* pieces(text: string): AsyncGenerator<string> {
  yield text;
}
