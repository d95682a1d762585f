import { TenancyError } from '@omnitenant/core';
import type { RedisClient, RedisQueueBackend } from 'bullmq';
import { bullScripts } from '../bullmq/bull-scripts.ts';
import type { Stamp } from '../jobs/owner.ts';
import { turnsScript } from './fair-scheduling-script.ts';

/** How tenants share a queue's workers. */
export interface FairOptions {
  /**
   * The most jobs of one tenant that are done at a time, by all workers of the queue together. Default: no limit. A delayed job
   * that is due in the very moment in which another is taken may start beyond it.
   */
  readonly concurrency?: number;
}

/** Milliseconds after which a job that is held goes on by itself: only where what would have let it go on was lost. */
const longestHold = 60_000;

/** The most jobs that are lined up in front of a command (some 5 µs each), and in one slice where there is time. */
const mostAtOnce = 10_000;
const slice = 1_000;

/** BullMQ's commands that give out the next job or end one, and where in their arguments is the id of the job that ends. */
const commands: Readonly<Record<string, number>> = {
  moveToActive: -1,
  moveToFinished: 14,
  moveToDelayed: 13,
  retryJob: 14,
  moveToWaitingChildren: 10,
  moveJobFromActiveToWait: 9,
};

/**
 * Lines up the waiting jobs in front of what each command does that gives out the next: in the same script, so that nothing comes
 * in between. BullMQ's scripts say themselves which arguments they take; ours follow, and are taken off before.
 */
export function takeTurns(backend: RedisQueueBackend, { concurrency = 0 }: FairOptions): void {
  const execCommand = backend.execCommand.bind(backend);
  const { '': prefix = '' } = backend.keys;
  const scripts = bullScripts();
  if (Object.keys(commands).some((name) => !scripts.has(name))) {
    const message =
      'A worker cannot be fair with this version of BullMQ, whose scripts are not where they were; leave `fair` out.';
    throw new TenancyError('CONFIG_INVALID', message);
  }

  backend.execCommand = (client, name, args) => {
    const ending = commands[name];
    if (ending === undefined) return execCommand(client, name, args);
    define(client as RedisClient);
    return (client as RedisClient).runCommand(inTurns(name), [
      ...args,
      prefix,
      concurrency,
      Date.now(),
      ending < 0 ? '' : String(args[ending]),
    ]);
  };
}

/** Lines up all that has come to wait while no worker was there, in slices that leave Redis to others in between. */
export async function lineUp(backend: RedisQueueBackend, { concurrency = 0 }: FairOptions): Promise<void> {
  const client = await backend.client;
  const { '': prefix = '', wait = '' } = backend.keys;
  define(client);
  while ((await client.runCommand(lineUpCommand, [wait, prefix, concurrency, Date.now(), ''])) > 0);
}

/** Forgets whose turn it was, of a tenant that has no jobs any more. */
export async function forgetTurns(backend: RedisQueueBackend, stamp: Stamp): Promise<void> {
  const client = await backend.client;
  await client.hdel(backend.toKey('fair'), stamp);
  await client.del(backend.toKey(`fair:${stamp}`), backend.toKey(`fair:held:${stamp}`));
}

const lineUpCommand = 'omnitenant:lineUp';
function inTurns(name: string): string {
  return `omnitenant:${name}`;
}

/** Calls the function with the arguments that are the last, and takes them off. */
function call(most: number): string {
  return `(function()
  local ending, now, limit, prefix = table.remove(ARGV), table.remove(ARGV), table.remove(ARGV), table.remove(ARGV)
  return takeTurns(prefix, tonumber(limit), tonumber(now), ${longestHold}, ${most}, ending)
end)()`;
}

const defined = new WeakSet<RedisClient>();

/** Tells a client of our commands. */
function define(client: RedisClient): void {
  if (defined.has(client)) return;
  defined.add(client);
  client.defineCommand(lineUpCommand, { numberOfKeys: 1, lua: `${turnsScript}return ${call(slice)}` });
  for (const [name, { numberOfKeys, lua }] of bullScripts()) {
    if (!(name in commands)) continue;
    client.defineCommand(inTurns(name), { numberOfKeys, lua: `${turnsScript}local _ = ${call(mostAtOnce)}\n${lua}` });
  }
}
