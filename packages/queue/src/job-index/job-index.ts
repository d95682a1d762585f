import type { RedisClient, RedisQueueBackend } from 'bullmq';
import { bullScripts, type Script } from '../bullmq/bull-scripts.ts';
import { defining } from '../bullmq/defining.ts';
import type { Owner } from '../jobs/owner.ts';
import { replies } from '../jobs/replies.ts';
import { jobIndexScript } from './job-index-script.ts';

/** What a script of BullMQ's that adds a job says, in Lua: where the keys' prefix and the options are. */
const adds: Readonly<
  Record<string, { readonly prefix: string; readonly opts: string; readonly schedule?: string; readonly next?: true }>
> = {
  addStandardJob: { prefix: 'KEYS[3]:sub(1, -5)', opts: 'ARGV[3]' },
  addDelayedJob: { prefix: 'KEYS[2]:sub(1, -5)', opts: 'ARGV[3]' },
  addPrioritizedJob: { prefix: 'KEYS[2]:sub(1, -5)', opts: 'ARGV[3]' },
  addParentJob: { prefix: 'KEYS[1]:sub(1, -5)', opts: 'ARGV[3]' },
  addJobScheduler: { prefix: 'ARGV[8]', opts: 'ARGV[6]', schedule: 'ARGV[3]' },
  updateJobScheduler: { prefix: 'ARGV[6]', opts: 'ARGV[4]', schedule: 'ARGV[2]', next: true },
};

function adding(lua: string, { prefix, opts, schedule, next }: (typeof adds)[string]): string {
  return `local function bull(KEYS, ARGV)\n${lua}\nend
local index, owner = jobIndex(${prefix}), cmsgpack.unpack(${opts}).tenant
if not index.isTenant(owner) then return bull(KEYS, ARGV) end
if index.isRemoved(owner) then return ${next ? 'nil' : `redis.error_reply('${replies.removed}')`} end
${schedule === undefined ? `local max = tonumber(ARGV[4])\nif max and index.count(owner, max) >= max then return redis.error_reply('${replies.backlogFull}') end` : ''}
local result = bull(KEYS, ARGV)
local id = type(result) == 'table' and result[1] or result
if type(id) == 'string' then
  index.add(owner, id)
  ${schedule === undefined ? '' : `index.schedule(owner, ${schedule})`}
end
return result`;
}

function finishing(lua: string): string {
  return `local function bull(KEYS, ARGV)\n${lua}\nend
local prefix, id = ARGV[7], ARGV[1]
local index, job = jobIndex(prefix), redis.call('HMGET', prefix .. id, 'opts', 'deid')
local owner = index.ownerIn(job[1])
if not owner then return bull(KEYS, ARGV) end
local removed = index.isRemoved(owner)
if removed then
  local opts = cmsgpack.unpack(ARGV[8])
  opts.keepJobs = { count = 0 }
  ARGV[8] = cmsgpack.pack(opts)
end
local result = bull(KEYS, ARGV)
if type(result) ~= 'table' and result ~= 0 then return result end
if removed then
  index.forgetEvents(function(other) return other == id end)
  return result
end
index.finish(owner, id, ARGV[2])
-- BullMQ may have added the next job of the same deduplication.
local following = job[2] and redis.call('GET', prefix .. 'de:' .. job[2])
if following and following ~= id and redis.call('EXISTS', prefix .. following) == 1 then index.add(owner, following) end
return result`;
}

/** Jobs that were finished wait again. */
const retrying = (
  lua: string,
  prefix: string,
  ids: string,
  done: string,
) => `local function bull(KEYS, ARGV)\n${lua}\nend
local prefix, ids = ${prefix}, ${ids}
local result = bull(KEYS, ARGV)
if not (${done}) then return result end
local index = jobIndex(prefix)
for _, id in ipairs(ids) do
  local owner = index.ownerIn(redis.call('HGET', prefix .. id, 'opts'))
  if owner then index.add(owner, id) end
end
return result`;

/** BullMQ's scripts that add, finish and retry jobs, each with the index of tenants' jobs. */
export function indexedScripts(): ReadonlyMap<string, Script> {
  const indexed = new Map<string, Script>();
  for (const [name, script] of bullScripts()) {
    const lua = indexedLua(name, script.lua);
    if (lua !== undefined) indexed.set(name, { ...script, lua: jobIndexScript + lua });
  }
  return indexed;
}

function indexedLua(name: string, lua: string): string | undefined {
  const add = adds[name];
  if (add !== undefined) return adding(lua, add);
  if (name === 'moveToFinished') return finishing(lua);
  if (name === 'reprocessJob') return retrying(lua, 'KEYS[5]:sub(1, -5)', '{ ARGV[1] }', 'result == 1');
  if (name !== 'moveJobsToWait') return undefined;
  const ids = "redis.call('ZRANGEBYSCORE', KEYS[3], 0, ARGV[2], 'LIMIT', 0, ARGV[1])";
  return retrying(lua, 'KEYS[1]', `ARGV[3] ~= 'delayed' and ${ids} or {}`, 'true');
}

const calls = {
  pending: "return index.pagePending(ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1')",
  finished: "return index.pageFinished(ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1')",
  schedules: 'return index.readSchedules(ARGV[1])',
  count: 'return index.count(ARGV[1], tonumber(ARGV[2]))',
  pullWaiting: 'return index.pullWaiting(ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]))',
  beginRemoval: 'return index.beginRemoval(ARGV[1])',
  endRemoval: 'return index.endRemoval(ARGV[1])',
  forgetAll: 'return index.forgetAll()',
} as const;

/** Keeps the index in the commands of this backend. `maxBacklog` is how many unfinished jobs the scope's tenant may have. */
export function indexJobs(backend: RedisQueueBackend, maxBacklog: () => number | undefined = () => undefined): void {
  const execCommand = backend.execCommand.bind(backend);
  const scripts = indexedScripts();
  backend.execCommand = (client, name, args) => {
    if (!scripts.has(name)) return execCommand(client, name, args);
    if ('defineCommand' in client) define(client as RedisClient);
    const max = name in adds && adds[name]?.schedule === undefined ? maxBacklog() : undefined;
    return (client as RedisClient).runCommand(indexed(name), max === undefined ? args : [...args, max]);
  };
  // These send several commands at once, which have to be defined before.
  const { addJobs, addFlow } = backend;
  backend.addJobs = async (entries) => {
    define(await backend.client);
    return addJobs.call(backend, entries);
  };
  backend.addFlow = async (entries) => {
    define(await backend.client);
    return addFlow.call(backend, entries);
  };
}

/** Calls a function of the index. */
export async function callIndex(
  backend: RedisQueueBackend,
  name: keyof typeof calls,
  ...args: readonly (Owner | number)[]
): Promise<unknown> {
  const client = await backend.client;
  define(client);
  const { '': prefix = '', meta = '' } = backend.keys;
  return client.runCommand(indexed(name), [meta, ...args, prefix]);
}

function indexed(name: string): string {
  return `omnitenant:index:${name}`;
}

const define = defining(() => {
  const own = Object.entries(calls).map(([name, lua]): [string, Script] => {
    const script = `${jobIndexScript}local index = jobIndex(table.remove(ARGV))\n${lua}`;
    return [name, { numberOfKeys: 1, lua: script }];
  });
  return [...own, ...indexedScripts()].map(([name, script]) => [indexed(name), script]);
});
