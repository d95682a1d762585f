import type { TestProject } from 'vitest/node';
import { openRun } from './run.ts';
import { postgres } from './services.ts';
import './testing/server.ts';

/** Before the first test: a PostgreSQL. After the last: nothing of the run is left on it, or the run fails. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await postgres();
  const run = await openRun({ url: server.url, exclusive: server.from === 'started' });
  project.provide('postgres', { url: server.url, prefix: run.prefix });
  return async () => {
    try {
      await run.end();
    } finally {
      await server.stop();
    }
  };
}
