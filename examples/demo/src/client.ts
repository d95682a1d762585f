import { Agent } from 'node:http';
import { type Answer, ask } from '@omnitenant/tooling/http-client';
import type { Door } from './doors.ts';

export type { Answer };

/** An HTTP client that sends requests for any host to one port of this machine, over connections that it keeps. */
export interface Client {
  get(door: Door, path: string): Promise<Answer>;
  post(door: Door, path: string, body: object): Promise<Answer>;
  close(): void;
}

export function createClient(port: number): Client {
  const agent = new Agent({ keepAlive: true });
  return {
    get: ({ host, headers }, path) => ask(port, ['GET', `${host}${path}`], { headers, agent }),
    post: ({ host, headers }, path, body) => ask(port, ['POST', `${host}${path}`], { headers, body, agent }),
    close: () => agent.destroy(),
  };
}
