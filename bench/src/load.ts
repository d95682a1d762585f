import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
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

const hosts = fileURLToPath(new URL('../workload/hosts.lua', import.meta.url));
let checked = false;

const calls = {
  /**
   * Measures with wrk where it is installed, as it leaves more of a small machine to the server. It cannot check bodies, so the
   * first time, the warm-up, is autocannon's in any case.
   */
  async run(options: LoadOptions): Promise<LoadResult> {
    if (checked && (await hasWrk())) return runWrk(options);
    checked = true;
    return calls.runChecked(options);
  },

  /** Sends requests over connections that are kept alive, and rejects unless each answer is the one that is due. */
  async runChecked({ port, targets, connections, seconds }: LoadOptions): Promise<LoadResult> {
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

const execute = promisify(execFile);

const hasWrk = (): Promise<boolean> =>
  execute('wrk', ['-v']).then(
    () => true,
    // wrk says its version with exit code 1.
    (error: { code?: unknown }) => error.code !== 'ENOENT',
  );

async function runWrk({ port, targets, connections, seconds }: LoadOptions): Promise<LoadResult> {
  const url = `http://127.0.0.1:${port}`;
  const flags = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '30s', '-s', hosts, url, '--'];
  const asked = targets.flatMap(({ host, path }) => [host, path]);
  const { stdout } = await execute('wrk', [...flags, ...asked]);
  const found = /^JSON(\{.*\})$/m.exec(stdout)?.[1] ?? '{}';
  const { n, rps, p50_ms, p99_ms, non2xx, sockerr } = JSON.parse(found) as Record<string, number>;
  if (!n || !rps || non2xx || sockerr) throw new Error(`wrk was not answered as it should be: ${stdout}`);
  return { requests: n, rate: rps, p50: p50_ms ?? 0, p99: p99_ms ?? 0 };
}

answer(calls);
