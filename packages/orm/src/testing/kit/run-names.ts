import { createHash, randomBytes } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/**
 * Gives one worker of a run the ids of its tenants. They say who made them: the machine, the process, the time at which it
 * began (seconds since 1970, as the pid to base 36) and the worker.
 */
export function runNames(): () => string {
  const began = Math.floor(Date.now() / 1000).toString(36);
  const worker = `w${process.env.VITEST_POOL_ID ?? 0}${randomBytes(2).toString('hex')}`;
  let count = 0;
  return () => ['test', machine, process.pid.toString(36), began, worker, ++count].join('-');
}

/** Whether an id is one of `runNames`, and the process that it names has ended. */
export function isOfEndedRun(id: string, now: number = Date.now()): boolean {
  const [, where, pid, began] = pattern.exec(id) ?? [];
  if (!where || !pid || !began) return false;
  const age = now - Number.parseInt(began, 36) * 1000;
  return age > longestRun || (where === machine && !isRunning(Number.parseInt(pid, 36)));
}

const pattern = /^test-([0-9a-f]{4})-([0-9a-z]+)-([0-9a-z]+)-w[0-9a-f]+-\d+$/;

/** A process of another machine cannot be looked for, and a pid is used again: after a day, a run has ended. */
const longestRun = 24 * 60 * 60 * 1000;

/** Where pids mean the same. Containers may share a host name, but no namespace of pids. */
function pidSpace(): string {
  try {
    return hostname() + readlinkSync('/proc/self/ns/pid');
  } catch {
    return hostname();
  }
}

const machine = createHash('sha256').update(pidSpace()).digest('hex').slice(0, 4);

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // It is there, and somebody else's.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
