import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';

export interface Answer {
  readonly status: number;
  /** What was sent as JSON, else the text. */
  readonly body: unknown;
}

/**
 * Asks a server on this machine as a client of `http://host/path` does, which `fetch` cannot: it sends no other host than the one
 * that it connects to. A body is sent as JSON.
 */
export async function ask(
  port: number,
  [method, url]: readonly [method: string, url: string],
  { body, token }: { body?: object; token?: string } = {},
): Promise<Answer> {
  const { host, pathname } = new URL(`http://${url}`);
  const sent = request({
    ...{ host: '127.0.0.1', port, method, path: pathname, agent: false },
    headers: { host, 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
  });
  sent.end(body && JSON.stringify(body));
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const answer = await text(response);
  const isJson = response.headers['content-type']?.includes('json');
  return { status: response.statusCode ?? 0, body: isJson ? JSON.parse(answer) : answer };
}
