import { TenancyError } from '@omnitenant/core';
import type { RedisClient, RedisQueueBackend } from 'bullmq';
import { bullScripts } from '../bullmq/bull-scripts.ts';
import type { Owner } from '../jobs/owner.ts';
import { fairSchedulingScript } from './fair-scheduling-script.ts';

/** How tenants share the workers of a queue. */
export interface FairOptions {
  /**
   * The maximum number of active jobs of one tenant, over all workers of the queue. Default: no limit. A delayed job that becomes
   * due at the moment in which another starts may exceed it.
   */
  readonly concurrency?: number | undefined;
}

/** How long a job stays held if nothing releases it, such as after a crash. */
const maxHoldMs = 60_000;

/** The maximum number of jobs to schedule in front of a command (some 5 µs each), and in one call of its own. */
const maxPerCommand = 10_000;
const maxPerSlice = 1_000;

/** BullMQ's commands that start the next job or finish one, and the index of the finished job's id in their arguments. */
const commands: Readonly<Record<string, number>> = {
  moveToActive: -1,
  moveToFinished: 14,
  moveToDelayed: 13,
  retryJob: 14,
  moveToWaitingChildren: 10,
  moveJobFromActiveToWait: 9,
};

/**
 * Schedules waiting jobs fairly in front of each command that starts the next job, in the same script, so that nothing happens
 * in between. Our arguments follow those of BullMQ's script, and are removed before it runs.
 */
export function scheduleFairly(backend: RedisQueueBackend, { concurrency = 0 }: FairOptions): void {
  const execCommand = backend.execCommand.bind(backend);
  const { '': prefix = '' } = backend.keys;
  const scripts = bullScripts();
  if (Object.keys(commands).some((name) => !scripts.has(name))) {
    const message =
      'The option "fair" does not work with this version of BullMQ, whose scripts have changed; remove it.';
    throw new TenancyError('CONFIG_INVALID', message);
  }

  backend.execCommand = (client, name, args) => {
    const finished = commands[name];
    if (finished === undefined) return execCommand(client, name, args);
    define(client as RedisClient);
    return (client as RedisClient).runCommand(fairly(name), [
      ...args,
      prefix,
      concurrency,
      Date.now(),
      finished < 0 ? '' : String(args[finished]),
    ]);
  };
}

/** Schedules all jobs that were added while no worker ran, in slices, so that Redis serves others in between. */
export async function scheduleWaiting(backend: RedisQueueBackend, { concurrency = 0 }: FairOptions): Promise<void> {
  const client = await backend.client;
  const { '': prefix = '', wait = '' } = backend.keys;
  define(client);
  while ((await client.runCommand(scheduleCommand, [wait, prefix, concurrency, Date.now(), ''])) > 0);
}

/** Deletes the scheduling state of a tenant that has no jobs left. */
export async function forgetOwner(backend: RedisQueueBackend, owner: Owner): Promise<void> {
  const client = await backend.client;
  await client.hdel(backend.toKey('fair'), owner);
  await client.del(backend.toKey(`fair:${owner}`), backend.toKey(`fair:held:${owner}`));
}

const scheduleCommand = 'omnitenant:schedule';

function fairly(name: string): string {
  return `omnitenant:${name}`;
}

/** Lua that removes our arguments from the end, and calls the function with them. */
function call(most: number): string {
  return `(function()
  local finished, now, limit, prefix = table.remove(ARGV), table.remove(ARGV), table.remove(ARGV), table.remove(ARGV)
  return scheduleFairly(prefix, tonumber(limit), tonumber(now), ${maxHoldMs}, ${most}, finished)
end)()`;
}

const defined = new WeakSet<RedisClient>();

/** Defines our commands on a client. */
function define(client: RedisClient): void {
  if (defined.has(client)) return;
  defined.add(client);
  client.defineCommand(scheduleCommand, { numberOfKeys: 1, lua: `${fairSchedulingScript}return ${call(maxPerSlice)}` });
  for (const [name, { numberOfKeys, lua }] of bullScripts()) {
    if (!(name in commands)) continue;
    const fair = `${fairSchedulingScript}local _ = ${call(maxPerCommand)}\n${lua}`;
    client.defineCommand(fairly(name), { numberOfKeys, lua: fair });
  }
}
