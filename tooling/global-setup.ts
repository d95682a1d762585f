import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { openRun } from './run.ts';
import { postgres } from './services.ts';
import { openMariadbRun } from './testing/mariadb-run.ts';
import './testing/server.ts';

/** Where Node keeps what it has compiled, so that each process of the run, of which there are thousands, starts in half the time. */
const compiled = fileURLToPath(new URL('../node_modules/.cache/compiled', import.meta.url));

/** Before the first test: a PostgreSQL. After the last: nothing of the run is left on it, or the run fails. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  rmSync(compiled, { recursive: true, force: true });
  process.env.NODE_COMPILE_CACHE = compiled;
  const server = await postgres();
  const run = await openRun({ url: server.url, exclusive: server.from === 'started' });
  const onMariadb = await openMariadbRun(run.prefix);
  project.provide('postgres', { url: server.url, prefix: run.prefix });
  return async () => {
    const ends = [() => onMariadb?.end(), () => run.end(), () => server.stop()];
    const failures: unknown[] = [];
    for (const end of ends) await Promise.resolve(end()).catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  };
}
