import { TenancyError } from '@omnitenant/core';
import type { RedisClient, RedisQueueBackend } from 'bullmq';
import { bullScripts } from '../bullmq/bull-scripts.ts';
import { defining } from '../bullmq/defining.ts';
import { indexedScripts } from '../job-index/job-index.ts';
import type { Owner } from '../jobs/owner.ts';
import { fairSchedulingScript } from './fair-scheduling-script.ts';

/** The maximum number of jobs to line up in front of a command (some 6 µs each), and in one call of its own. */
const maxPerCommand = 5_000;
const maxPerSlice = 1_000;

/** A command of BullMQ that ends the work on a job, in Lua: where its arguments are, and what its result says. */
interface Finish {
  readonly id: string;
  readonly done: string;
  /** The argument that asks for the next job, and those that start it. */
  readonly next?: { readonly wanted: string; readonly now: string; readonly opts: string };
}

const succeeded = "type(result) == 'table' or result == 0";

const finishes: Readonly<Record<string, Finish>> = {
  moveToFinished: {
    id: 'ARGV[1]',
    done: succeeded,
    next: { wanted: 'ARGV[6]', now: 'ARGV[2]', opts: 'ARGV[8]' },
  },
  moveToDelayed: { id: 'ARGV[3]', done: succeeded, next: { wanted: 'ARGV[8]', now: 'ARGV[2]', opts: 'ARGV[9]' } },
  retryJob: { id: 'ARGV[4]', done: succeeded },
  moveToWaitingChildren: { id: 'ARGV[4]', done: succeeded },
  moveJobFromActiveToWait: { id: 'ARGV[1]', done: 'result >= 0' },
};

const startKeys = 'wait active prioritized events stalled limiter delayed paused meta pc marker'.split(' ');

/** Our commands by BullMQ's name for what they replace. */
function fairScripts(): ReadonlyMap<string, { readonly numberOfKeys: number; readonly lua: string }> {
  const scripts = new Map([...bullScripts(), ...indexedScripts()]);
  const start = scripts.get('moveToActive');
  const stalled = scripts.get('moveStalledJobsToWait');
  if (start === undefined || stalled === undefined || Object.keys(finishes).some((name) => !scripts.has(name))) {
    const message =
      'The option "fair" does not work with this version of BullMQ, whose scripts have changed; remove it.';
    throw new TenancyError('CONFIG_INVALID', message);
  }
  const opening = `${fairSchedulingScript}${fromArguments}local function start(KEYS, ARGV)\n${start.lua}\nend\n`;
  const replaced = new Map([
    [
      'moveToActive',
      {
        numberOfKeys: start.numberOfKeys,
        lua: `${opening}return fair.startNext(${maxPerCommand}, function() return start(KEYS, ARGV) end)`,
      },
    ],
    [
      'moveStalledJobsToWait',
      {
        numberOfKeys: stalled.numberOfKeys,
        lua: `${fairSchedulingScript}${fromArguments}local function check(KEYS, ARGV)\n${stalled.lua}\nend
local result = check(KEYS, ARGV)
fair.releaseGone()
return result`,
      },
    ],
  ]);
  for (const [name, finish] of Object.entries(finishes)) {
    const { numberOfKeys = 0, lua = '' } = scripts.get(name) ?? {};
    replaced.set(name, { numberOfKeys, lua: opening + finishing(name, lua, finish) });
  }
  return replaced;
}

/** BullMQ finishes the job, without the next one. Then its place is free, and the next is chosen and started. */
function finishing(name: string, lua: string, { id, done, next }: Finish): string {
  const wanted = next === undefined ? 'false' : `${next.wanted} == '1'`;
  const keys = startKeys.map((key) => `prefix .. '${key}'`).join(', ');
  return `local function finish(KEYS, ARGV)\n${lua}\nend
local wanted = ${wanted}
${next === undefined ? '' : `if wanted then ${next.wanted} = '0' end`}
local result = finish(KEYS, ARGV)
if not (${done}) then return result end
fair.${name === 'moveJobFromActiveToWait' ? 'putBack' : 'release'}(${id})
if not wanted then return result end
return fair.startNext(${maxPerCommand}, function() return start({ ${keys} }, { prefix, ${next?.now}, ${next?.opts} }) end)`;
}

/** Takes our arguments from the end of BullMQ's. */
const fromArguments = `
local now, limits, prefix = tonumber(table.remove(ARGV)), table.remove(ARGV), table.remove(ARGV)
local fair = scheduler(prefix, limits, now)
`;

/**
 * Schedules jobs fairly in the commands that start the next job or finish one. Each stays one script, so that nothing happens in
 * between. `limits` are those of all tenants, or empty if each tenant has its own.
 */
export function scheduleFairly(backend: RedisQueueBackend, limits: string): void {
  const execCommand = backend.execCommand.bind(backend);
  const { '': prefix = '' } = backend.keys;
  const scripts = fairScripts();
  backend.execCommand = (client, name, args) => {
    if (!scripts.has(name)) return execCommand(client, name, args);
    defineScripts(client as RedisClient);
    return (client as RedisClient).runCommand(fairly(name), [...args, prefix, limits, Date.now()]);
  };
}

/** Lines up all jobs that were added while no worker ran, in slices, so that Redis serves others in between. */
export async function scheduleWaiting(backend: RedisQueueBackend, limits: string): Promise<void> {
  while (Number(await run(backend, 'lineUp', limits)) > 0);
}

/** Deletes the scheduling state of a tenant that has no jobs left. */
export async function forgetOwner(backend: RedisQueueBackend, owner: Owner): Promise<void> {
  await run(backend, 'forget', '', owner);
}

/** Deletes the scheduling state of the queue. */
export async function forgetAll(backend: RedisQueueBackend): Promise<void> {
  await run(backend, 'forgetAll');
}

/** Starts no job of a tenant until then. */
export async function parkTenant(
  backend: RedisQueueBackend,
  limits: string,
  owner: Owner,
  untilMs: number,
): Promise<void> {
  await run(backend, 'park', limits, owner, untilMs);
}

/** Says what a tenant's limits are, where each has its own. */
export async function shareLimits(backend: RedisQueueBackend, owner: Owner, limits: string): Promise<void> {
  await run(backend, 'setLimits', '', owner, limits);
}

/** Starts no job of a tenant until it is resumed. */
export async function pauseTenant(backend: RedisQueueBackend, owner: Owner): Promise<void> {
  await run(backend, 'pause', '', owner);
}

export async function resumeTenant(backend: RedisQueueBackend, owner: Owner): Promise<void> {
  await run(backend, 'resume', '', owner);
}

export async function isTenantPaused(backend: RedisQueueBackend, owner: Owner): Promise<boolean> {
  return (await run(backend, 'isPaused', '', owner)) === 1;
}

const calls = {
  park: 'return fair.park(ARGV[1], ARGV[2])',
  setLimits: 'return fair.setLimits(ARGV[1], ARGV[2])',
  pause: 'return fair.pause(ARGV[1])',
  resume: 'return fair.resume(ARGV[1])',
  isPaused: 'return fair.isPaused(ARGV[1])',
  lineUp: `return fair.lineUpNew(${maxPerSlice}) and 1 or 0`,
  forget: 'return fair.forget(ARGV[1])',
  forgetAll: 'return fair.forgetAll()',
};

async function run(
  backend: RedisQueueBackend,
  name: keyof typeof calls,
  limits = '',
  ...args: (string | number)[]
): Promise<unknown> {
  const client = await backend.client;
  const { '': prefix = '', wait = '' } = backend.keys;
  defineCalls(client);
  return client.runCommand(fairly(name), [wait, ...args, prefix, limits, Date.now()]);
}

function fairly(name: string): string {
  return `omnitenant:${name}`;
}

const defineScripts = defining(() => [...fairScripts()].map(([name, script]) => [fairly(name), script]));

const defineCalls = defining(() =>
  Object.entries(calls).map(([name, lua]) => [
    fairly(name),
    { numberOfKeys: 1, lua: `${fairSchedulingScript}${fromArguments}${lua}` },
  ]),
);
