import type { Writable } from 'node:stream';
import type { RedisClient, RedisQueueBackend } from 'bullmq';
import type { Stamp } from './stamp.ts';
import { turnsScript } from './turns-script.ts';

/** How tenants share a queue's workers. */
export interface FairOptions {
  /**
   * The most jobs of one tenant that are done at a time, by all workers of the queue together. Default: no limit. A job that is
   * added in the very moment in which another is taken may start beyond it.
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

interface Waiting {
  readonly client: RedisClient;
  readonly name: string;
  readonly args: unknown[];
  resolve(result: unknown): void;
}

/**
 * Lines up the waiting jobs in front of the commands that give out the next. Those of one turn of the event loop go in one
 * message, which Redis works off before it turns to other clients, unless it is very long. A transaction would hold without that
 * exception, and cost a sixth of the throughput.
 */
export function takeTurns(backend: RedisQueueBackend, { concurrency = 0 }: FairOptions): void {
  const execCommand = backend.execCommand.bind(backend);
  let batch: Waiting[] = [];

  backend.execCommand = (client, name, args) => {
    if (!(name in commands)) return execCommand(client, name, args);
    if (batch.length === 0) process.nextTick(send);
    return new Promise((resolve) => batch.push({ client: client as RedisClient, name, args, resolve }));
  };

  function send(): void {
    const sent = batch;
    batch = [];
    const client = sent[0]?.client as RedisClient & { readonly stream?: Partial<Writable> };
    client.stream?.cork?.();
    const ending = sent.flatMap(({ name, args }) => args[commands[name] ?? -1] ?? []).map(String);
    // Where it fails, so do the commands.
    takeTurn(client, scriptArgs(backend, concurrency, mostAtOnce, ending)).catch(() => {});
    for (const { name, args, resolve } of sent) resolve((async () => execCommand(client, name, args))());
    client.stream?.uncork?.();
  }
}

/** Lines up all that has come to wait while no worker was there, in slices that leave Redis to others in between. */
export async function lineUp(backend: RedisQueueBackend, { concurrency = 0 }: FairOptions): Promise<void> {
  const client = await backend.client;
  while ((await takeTurn(client, scriptArgs(backend, concurrency, slice))) > 0);
}

/** Forgets whose turn it was, of a tenant that has no jobs any more. */
export async function forgetTurns(backend: RedisQueueBackend, stamp: Stamp): Promise<void> {
  const client = await backend.client;
  await client.hdel(backend.toKey('fair'), stamp);
  await client.del(backend.toKey(`fair:${stamp}`), backend.toKey(`fair:held:${stamp}`));
}

const command = 'omnitenantTakeTurns';
const defined = new WeakSet<RedisClient>();

/** Gives how many jobs have still to be lined up. */
function takeTurn(client: RedisClient, args: (string | number)[]): Promise<number> {
  if (!defined.has(client)) {
    client.defineCommand(command, { numberOfKeys: 3, lua: turnsScript });
    defined.add(client);
  }
  return client.runCommand(command, args);
}

function scriptArgs({ keys }: RedisQueueBackend, limit: number, most: number, ending: readonly string[] = []) {
  const { wait = '', prioritized = '', delayed = '', '': prefix = '' } = keys;
  return [wait, prioritized, delayed, prefix, limit, Date.now(), longestHold, most, ...ending];
}
