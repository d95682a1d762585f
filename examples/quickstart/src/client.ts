import { Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';

/** One request, as a browser or a program would send it. */
interface Call {
  readonly host: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON, by POST. */
  readonly body?: object;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** An HTTP client that sends requests for any host to one port of this machine. */
export interface Client {
  ask(call: Call): Promise<Answer>;
  close(): void;
}

export function createClient(port: number): Client {
  const agent = new Agent({ keepAlive: true });
  return {
    ask: ({ host, path, headers, body }) =>
      new Promise((resolve, reject) => {
        const sent = request({
          agent,
          host: '127.0.0.1',
          port,
          path,
          method: body ? 'POST' : 'GET',
          headers: { ...headers, host, ...(body && { 'content-type': 'application/json' }) },
        });
        sent.on('error', reject);
        sent.on('response', (response) => {
          const isJson = response.headers['content-type']?.startsWith('application/json');
          text(response)
            .then((received) => ({ status: response.statusCode ?? 0, body: isJson ? JSON.parse(received) : received }))
            .then(resolve, reject);
        });
        sent.end(body && JSON.stringify(body));
      }),
    close: () => agent.destroy(),
  };
}
