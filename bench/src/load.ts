import autocannon, { type Client, type Request } from 'autocannon';
import type { Target } from './site.ts';
import { answer } from './worker.ts';

export interface LoadOptions {
  readonly port: number;
  readonly targets: readonly Target[];
  readonly connections: number;
  readonly seconds: number;
}

export interface LoadResult {
  readonly requests: number;
  /** Requests a second. */
  readonly rate: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

export type LoadCalls = typeof calls;

const calls = {
  /** Sends requests over connections that are kept alive, and rejects unless each answer is the one that is due. */
  async run({ port, targets, connections, seconds }: LoadOptions): Promise<LoadResult> {
    let requests = 0;
    const wrong: string[] = [];
    const all = targets.map(
      ({ host, path, body }): Request => ({
        path,
        headers: { host },
        onResponse(status, text) {
          requests += 1;
          if ((status !== 200 || text !== body) && wrong.length < 5) wrong.push(`${host}: ${status} ${text}`);
        },
      }),
    );
    let clients = 0;
    const result = await autocannon({
      url: `http://127.0.0.1:${port}`,
      connections,
      duration: seconds,
      // Each connection begins with another host, or all of them would ask for the same one at a time.
      setupClient(client: Client) {
        const first = Math.floor((clients++ * all.length) / connections) % all.length;
        client.setRequests([...all.slice(first), ...all.slice(0, first)].map((request) => ({ ...request })));
      },
    });
    if (wrong.length > 0) throw new Error(`Answers that are not the tenant's:\n${wrong.join('\n')}`);
    if (result.errors > 0 || requests === 0) {
      throw new Error(`${result.errors} requests got no answer (${result.timeouts} timeouts), ${requests} did.`);
    }
    return { requests, rate: requests / result.duration, p50: result.latency.p50, p99: result.latency.p99 };
  },
};

answer(calls);
