import { TenancyError } from '@omnitenant/core';
import type { RedisClient, RedisQueueBackend } from 'bullmq';
import { bullScripts, type Script } from '../bullmq/bull-scripts.ts';
import { defining, once } from '../bullmq/defining.ts';
import { indexedScripts } from '../job-index/job-index.ts';
import type { Owner } from '../jobs/owner.ts';
import { administrationScript, startingScript, turnsScript } from './fair-scheduling-script.ts';

/** The maximum number of jobs to line up in front of a command (some 6 µs each), and in one call of its own. */
const maxPerCommand = 5_000;
const maxPerSlice = 1_000;

/** BullMQ's commands that end the work on a job, in Lua: where the job's id is, and what the result says. */
const finishes = {
  moveToFinished: { id: 'ARGV[1]', done: "type(result) == 'table' or result == 0" },
  moveToDelayed: { id: 'ARGV[3]', done: "type(result) == 'table' or result == 0" },
  retryJob: { id: 'ARGV[4]', done: "type(result) == 'table' or result == 0" },
  moveToWaitingChildren: { id: 'ARGV[4]', done: "type(result) == 'table' or result == 0" },
  moveJobFromActiveToWait: { id: 'ARGV[1]', done: 'result >= 0' },
} as const;

/** Those that may also start the next job, in Lua: the arguments that ask for it, and that it is started with. */
const next = {
  moveToFinished: { wanted: 'ARGV[6]', now: 'ARGV[2]', opts: 'ARGV[8]' },
  moveToDelayed: { wanted: 'ARGV[8]', now: 'ARGV[2]', opts: 'ARGV[9]' },
} as const;

const startKeys = 'wait active prioritized events stalled limiter delayed paused meta pc marker'.split(' ');

/** Our commands by BullMQ's name for what they replace. */
const fairScripts = once((): ReadonlyMap<string, Script> => {
  const scripts = new Map([...bullScripts(), ...indexedScripts()]);
  const bull = (name: string) => scripts.get(name) ?? { numberOfKeys: 0, lua: '' };
  const names = ['moveToActive', 'moveStalledJobsToWait', ...Object.keys(finishes)];
  if (!names.every((name) => scripts.has(name))) {
    const message =
      'The option "fair" does not work with this version of BullMQ, whose scripts have changed; remove it.';
    throw new TenancyError('CONFIG_INVALID', message);
  }
  const start = `local function start(KEYS, ARGV)\n${bull('moveToActive').lua}\nend\n`;
  const lua: Readonly<Record<string, string>> = {
    moveToActive: `${turnsScript}${startingScript}${start}return startNext(${maxPerCommand}, function() return start(KEYS, ARGV) end)`,
    moveStalledJobsToWait: `${turnsScript}${administrationScript}local function check()\n${bull('moveStalledJobsToWait').lua}\nend
local result = check()
releaseGone()
return result`,
    moveToFinished: finishingWithNext(bull('moveToFinished').lua, start, 'moveToFinished'),
    moveToDelayed: finishingWithNext(bull('moveToDelayed').lua, start, 'moveToDelayed'),
    retryJob: finishing(bull('retryJob').lua, 'retryJob'),
    moveToWaitingChildren: finishing(bull('moveToWaitingChildren').lua, 'moveToWaitingChildren'),
    moveJobFromActiveToWait: finishing(bull('moveJobFromActiveToWait').lua, 'moveJobFromActiveToWait'),
  };
  return new Map(names.map((name) => [name, { ...bull(name), lua: lua[name] ?? '' }]));
});

/** BullMQ ends the work on the job; then its place is free. */
function finishing(lua: string, name: keyof typeof finishes): string {
  const { id, done } = finishes[name];
  return `${turnsScript}${administrationScript}local function finish()\n${lua}\nend
local result = finish()
if ${done} then ${name === 'moveJobFromActiveToWait' ? 'putBack' : 'release'}(${id}) end
return result`;
}

/**
 * The same, and then the next job is chosen and started. If what BullMQ does to finish the job adds none to those that wait, one of its
 * scripts does both.
 */
function finishingWithNext(lua: string, start: string, name: keyof typeof next): string {
  const { id, done } = finishes[name];
  const { wanted, now, opts } = next[name];
  const keys = startKeys.map((key) => `prefix .. '${key}'`).join(', ');
  const together = `if wanted and ARGV[13] == '1' then
  return finishAndStart(${id}, ${maxPerCommand}, function(job)
    if not job then ${wanted} = '0' end
    return finish(KEYS, ARGV)
  end)
end
`;
  return `${turnsScript}${startingScript}local function finish(KEYS, ARGV)\n${lua}\nend
${start}local wanted = ${wanted} == '1'
${name === 'moveToFinished' ? together : ''}if wanted then ${wanted} = '0' end
local result = finish(KEYS, ARGV)
if not (${done}) then return result end
release(${id})
if not wanted then return result end
return startNext(${maxPerCommand}, function() return start({ ${keys} }, { prefix, ${now}, ${opts} }) end)`;
}

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
    args.push(prefix, limits, Date.now());
    return (client as RedisClient).runCommand(fairly(name), args);
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

/** The number of jobs that are lined up and may not start yet, as their tenant is at a limit, or paused. */
export async function heldBackJobs(backend: RedisQueueBackend): Promise<number> {
  return Number(await run(backend, 'heldBack'));
}

const calls = {
  park: 'return park(ARGV[1], ARGV[2])',
  setLimits: 'return setLimits(ARGV[1], ARGV[2])',
  pause: 'return pause(ARGV[1])',
  resume: 'return resume(ARGV[1])',
  isPaused: "return call('SISMEMBER', prefix .. 'fair:paused', ARGV[1])",
  heldBack: `local starting = 0
for _, owner in ipairs(call('ZRANGE', ready, 0, -1)) do
  starting = starting + call('LLEN', line(owner)) + call('ZCARD', lineByPriority(owner))
end
return math.max(0, call('ZCOUNT', prioritized, '-inf', '(0') - starting)`,
  lineUp: `if lineUpNew(${maxPerSlice}) then return 1 end\nreenterAll()\nreturn 0`,
  forget: 'return forget(ARGV[1])',
  forgetAll: 'return forgetAll()',
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
    { numberOfKeys: 1, lua: `${turnsScript}${administrationScript}${lua}` },
  ]),
);
