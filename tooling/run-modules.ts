import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

export interface Running extends AsyncDisposable {
  /** What the modules listen on, in their order, when all have run; rejected with what they said when they did not. */
  readonly ports: Promise<readonly number[]>;
  /** Ends them when all have run; where there are tests among them, when these have passed. */
  end(): Promise<void>;
}

export interface RunOptions {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Options of Node. */
  readonly options?: readonly string[];
  /** Whether there are tests of `node:test` in the modules. */
  readonly tests?: boolean;
}

/** Runs modules in a process of their own. Where they listen on a port, they get one that is free instead. */
export function runModules(
  modules: readonly string[],
  { cwd, env = process.env, options = [], tests = false }: RunOptions,
): Running {
  const main = fileURLToPath(new URL('./modules-process.ts', import.meta.url));
  const args = [...options, ...(tests ? ['--test-force-exit'] : []), main, ...modules];
  const child = spawn(process.execPath, args, {
    cwd,
    env: { ...env, NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const { stdout, stderr } = child as ChildProcess & { stdout: Readable; stderr: Readable };
  const ended = Promise.all([once(child, 'exit'), text(stdout), text(stderr)]).then(([[code], said, complained]) => {
    if (code !== 0) throw new Error(`It ended with ${code}, and said:\n${said}${complained}`);
  });
  const tooSoon = ended.then(() => Promise.reject(new Error('It ended before all had run.')));
  const ports = Promise.race([once(child, 'message').then(([ports]) => ports as number[]), tooSoon]);
  for (const promise of [ended, ports, tooSoon]) promise.catch(() => {});
  return {
    ports,
    async end() {
      await ports;
      if (child.connected) child.disconnect();
      await ended;
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended.catch(() => {});
    },
  };
}
