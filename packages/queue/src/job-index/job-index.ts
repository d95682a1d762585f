import type { IRedisTransaction, JobJson, RedisClient, RedisQueueBackend } from 'bullmq';
import { bullScripts, type Script } from '../bullmq/bull-scripts.ts';
import { defining } from '../bullmq/defining.ts';
import { ownerIn } from '../jobs/owned-options.ts';
import { isTenant, type Owner } from '../jobs/owner.ts';
import { replies } from '../jobs/replies.ts';
import { afterAdding, beforeAdding, jobIndexScript, sweep } from './job-index-script.ts';

/** BullMQ's scripts that add one job, each with the key that tells the prefix of the queue's keys. */
const adds = {
  addStandardJob: 'KEYS[3]',
  addDelayedJob: 'KEYS[2]',
  addPrioritizedJob: 'KEYS[2]',
  addParentJob: 'KEYS[1]',
} as const;

/** Those that add the next job of a schedule, in Lua: where the keys' prefix, the options and the schedule's id are. */
const schedules = {
  addJobScheduler: { prefix: 'ARGV[8]', opts: 'ARGV[6]', schedule: 'ARGV[3]', next: false },
  updateJobScheduler: { prefix: 'ARGV[6]', opts: 'ARGV[4]', schedule: 'ARGV[2]', next: true },
} as const;

/** Those that have finished jobs wait again. */
const revivals = {
  reprocessJob: { prefix: 'KEYS[5]:sub(1, -5)', ids: '{ ARGV[1] }', done: 'result == 1' },
  moveJobsToWait: {
    prefix: 'KEYS[1]',
    ids: "redis.call('ZRANGEBYSCORE', KEYS[3], 0, ARGV[2], 'LIMIT', 0, ARGV[1])",
    done: "ARGV[3] ~= 'delayed'",
  },
} as const;

const removedReply = `redis.error_reply('${replies.removed}')`;

/** Its arguments after BullMQ's: the owner, '1' to sweep, and the maximum of unfinished jobs, where there is one. */
function adding(lua: string, metaKey: string): string {
  return `${beforeAdding(`${metaKey}:sub(1, -5)`, 'ARGV[4]', removedReply)}
local function bull()\n${lua}\nend
local id = bull()
if type(id) ~= 'string' then return id end
${afterAdding}
if ARGV[5] == '1' then ${sweep} end
return id`;
}

function addingWithin(lua: string, metaKey: string): string {
  return `${jobIndexScript}
if jobIndex(${metaKey}:sub(1, -5)).count(ARGV[4], tonumber(ARGV[6])) >= tonumber(ARGV[6]) then
  return redis.error_reply('${replies.backlogFull}')
end
${adding(lua, metaKey)}`;
}

function scheduling(lua: string, { prefix, opts, schedule, next }: (typeof schedules)[keyof typeof schedules]): string {
  return `local function bull()\n${lua}\nend
local tenant = cmsgpack.unpack(${opts}).tenant
if type(tenant) ~= 'string' or not tenant:find('@', 1, true) then return bull() end
${beforeAdding(prefix, 'tenant', next ? 'nil' : removedReply)}
local result = bull()
local id = type(result) == 'table' and result[1] or result
if type(id) == 'string' then
  ${afterAdding}
  redis.call('SADD', prefix .. 'tenant:' .. owner .. ':schedules', ${schedule})
end
return result`;
}

/** Its arguments after BullMQ's: the owner, the id of the job's deduplication, '1' to sweep, and whether no job waits for this one. */
function finishing(lua: string): string {
  return `${jobIndexScript}
local function bull()\n${lua}\nend
local prefix, owner, deduplication = ARGV[7], ARGV[10], ARGV[11]
local status = redis.call('HGET', prefix .. 'tenants', owner)
local removed = status and status ~= '' and status ~= 'counted'
if removed then
  local opts = cmsgpack.unpack(ARGV[8])
  opts.keepJobs = { count = 0 }
  ARGV[8] = cmsgpack.pack(opts)
end
local result = bull()
if not status or type(result) ~= 'table' and result ~= 0 then return result end
if removed then
  jobIndex(prefix).forgetEvents(function(id) return id == ARGV[1] end)
  return result
end
if status == 'counted' then redis.call('SREM', prefix .. 'tenant:' .. owner .. ':unfinished', ARGV[1]) end
-- BullMQ may have added the next job of the same deduplication.
local id = deduplication ~= '' and redis.call('GET', prefix .. 'de:' .. deduplication)
if id and id ~= ARGV[1] and redis.call('EXISTS', prefix .. id) == 1 then ${afterAdding} end
if ARGV[12] == '1' then ${sweep} end
return result`;
}

/** A finished job that waits again counts as unfinished, if its tenant's are counted. Where the keys' prefix and the ids are, in Lua. */
function reviving(lua: string, { prefix, ids, done }: (typeof revivals)[keyof typeof revivals]): string {
  return `local function bull()\n${lua}\nend
local prefix, ids = ${prefix}, ${ids}
local result = bull()
if not (${done}) then return result end
for _, id in ipairs(ids) do
  local read, opts = pcall(cjson.decode, redis.call('HGET', prefix .. id, 'opts') or '')
  local owner = read and type(opts) == 'table' and opts.tenant
  if type(owner) == 'string' and redis.call('HGET', prefix .. 'tenants', owner) == 'counted' then
    redis.call('SADD', prefix .. 'tenant:' .. owner .. ':unfinished', id)
  end
end
return result`;
}

/** BullMQ's scripts that add and finish jobs, each with the index of tenants' jobs. */
export function indexedScripts(): ReadonlyMap<string, Script> {
  const bull = bullScripts();
  const indexed = new Map<string, Script>();
  function index(name: string, change: (lua: string) => string, newName = name) {
    const script = bull.get(name);
    if (script !== undefined) indexed.set(newName, { ...script, lua: change(script.lua) });
  }
  for (const [name, metaKey] of Object.entries(adds)) {
    index(name, (lua) => adding(lua, metaKey));
    index(name, (lua) => addingWithin(lua, metaKey), within(name));
  }
  for (const [name, where] of Object.entries(schedules)) index(name, (lua) => scheduling(lua, where));
  for (const [name, where] of Object.entries(revivals)) index(name, (lua) => reviving(lua, where));
  index('moveToFinished', finishing);
  return indexed;
}

const calls = {
  page: "return index.page(ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1', ARGV[5] == '1', ARGV[6] == '1')",
  schedules: 'return index.readSchedules(ARGV[1])',
  count: 'return index.count(ARGV[1], tonumber(ARGV[2]))',
  pullWaiting: 'return index.pullWaiting(ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]))',
  beginRemoval: 'return index.beginRemoval(ARGV[1])',
  endRemoval: 'return index.endRemoval(ARGV[1])',
  forgetAll: 'return index.forgetAll()',
} as const;

type Arguments = (string | number | boolean | Buffer)[];

/** The members of BullMQ's backend that are replaced; some of them are protected. */
type Backend = Pick<RedisQueueBackend, 'addJobs' | 'addFlow' | 'execCommand'> & {
  readonly client: Promise<RedisClient>;
  moveToFinishedArgs(
    job: FinishedJob,
    value: unknown,
    property: unknown,
    keep: unknown,
    target: 'completed' | 'failed',
    ...rest: unknown[]
  ): Arguments;
  readonly queue: { readonly opts: { readonly removeOnComplete?: unknown; readonly removeOnFail?: unknown } };
} & Record<keyof typeof adds, AddJob> &
  Record<`${keyof typeof adds}Args`, (...args: readonly unknown[]) => Arguments>;

type AddJob = (client: RedisClient | IRedisTransaction, job: JobJson, ...rest: unknown[]) => unknown;

interface FinishedJob {
  readonly opts: object;
  readonly parentKey?: string | undefined;
  readonly deduplicationId?: string | undefined;
}

/** Keeps the index in the commands of this backend. `maxBacklog` is how many unfinished jobs the scope's tenant may have. */
export function indexJobs(redis: RedisQueueBackend, maxBacklog: () => number | undefined = () => undefined): void {
  const backend = redis as unknown as Backend;
  for (const name of Object.keys(adds) as (keyof typeof adds)[]) {
    const add = backend[name].bind(backend);
    backend[name] = (client, job, ...rest) => {
      const owner = ownerIn(job.opts);
      if (!isTenant(owner)) return add(client, job, ...rest);
      if (!(indexed(name) in client)) define(client as RedisClient);
      const args = backend[`${name}Args`](job, ...rest);
      const max = maxBacklog();
      const command = indexed(max === undefined ? name : within(name));
      args.push(owner, oneInEight(), max ?? '');
      return (client as RedisClient).runCommand(command, args);
    };
  }
  const { execCommand, addJobs, addFlow, moveToFinishedArgs } = backend;
  backend.moveToFinishedArgs = (job, value, property, keep, target, ...rest) => {
    const args = moveToFinishedArgs.call(backend, job, value, property, keep, target, ...rest);
    const { removeOnComplete, removeOnFail } = backend.queue.opts;
    const removes = keep ?? (target === 'completed' ? removeOnComplete : removeOnFail);
    const { deduplicationId = '', parentKey = '' } = job;
    // BullMQ may let jobs wait that this one's end makes ready.
    const alone = deduplicationId === '' && parentKey === '' ? 1 : 0;
    args.push(ownerIn(job.opts) ?? '', deduplicationId, removes ? oneInEight() : 0, alone);
    return args;
  };
  backend.execCommand = (client, name, args) => {
    if (!isIndexed(name)) return execCommand.call(backend, client, name, args);
    define(client as RedisClient);
    return (client as RedisClient).runCommand(indexed(name), args);
  };
  // These send several commands at once, which have to be defined before.
  backend.addJobs = async (entries) => {
    define(await backend.client);
    return addJobs.call(redis, entries);
  };
  backend.addFlow = async (entries) => {
    define(await backend.client);
    return addFlow.call(redis, entries);
  };
}

function isIndexed(command: string): boolean {
  return command === 'moveToFinished' || command in schedules || command in revivals;
}

/** Calls a function of the index. */
export async function callIndex(
  backend: RedisQueueBackend,
  name: keyof typeof calls,
  ...args: readonly (Owner | number)[]
): Promise<unknown> {
  const client = await backend.client;
  defineCalls(client);
  const { '': prefix = '', meta = '' } = backend.keys;
  return client.runCommand(indexed(name), [meta, ...args, prefix]);
}

/** '1' for one job in eight, and 0. Each of a tenant's jobs is as likely, whatever order tenants add theirs in. */
function oneInEight(): '1' | 0 {
  return Math.random() < 1 / 8 ? '1' : 0;
}

function indexed(name: string): string {
  return `omnitenant:index:${name}`;
}

function within(name: string): string {
  return `${name}:within`;
}

const define = defining(() => [...indexedScripts()].map(([name, script]) => [indexed(name), script]));

const defineCalls = defining(() =>
  Object.entries(calls).map(([name, lua]) => [
    indexed(name),
    { numberOfKeys: 1, lua: `${jobIndexScript}local index = jobIndex(table.remove(ARGV))\n${lua}` },
  ]),
);
