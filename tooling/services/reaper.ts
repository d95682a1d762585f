import { spawn } from 'node:child_process';
import { join } from 'node:path';

interface Watched {
  pid(pid: number): void;
  forget(): void;
}

interface Reaper {
  /** When this process ends without having forgotten the folder, its server is ended and the folder removed. */
  watch(folder: string, signal: NodeJS.Signals): Watched;
}

let one: Reaper | undefined;

/**
 * The process that clears up after this one: even SIGKILL closes the pipe that it reads from.
 * One for each process, started when first asked for.
 */
export function reaper(): Reaper {
  one ??= start();
  return one;
}

function start(): Reaper {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'reap.ts')], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.unref();
  // A pipe is a socket to Node, which must not keep this process alive.
  (child.stdin as typeof child.stdin & { unref(): void }).unref();
  child.stdin.on('error', () => {});
  const say = (line: object) => child.stdin.write(`${JSON.stringify(line)}\n`);
  return {
    watch(folder, signal) {
      say({ folder, signal });
      return {
        pid: (pid) => say({ folder, signal, pid }),
        forget: () => say({ folder, forget: true }),
      };
    },
  };
}
