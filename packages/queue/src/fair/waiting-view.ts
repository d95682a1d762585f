import type { RedisClient, RedisQueueBackend } from 'bullmq';
import { bullScripts } from '../bullmq/bull-scripts.ts';
import { defining } from '../bullmq/defining.ts';

/** BullMQ's commands that read `wait` and `prioritized`. */
const reads = ['getCounts', 'getCountsPerPriority', 'getRanges', 'getJobs', 'getState', 'getStateV2'];

function isRead(name: string): boolean {
  return reads.includes(name);
}

/**
 * Lua in place of `redis.call` for scripts that read. Jobs without a priority that are lined up in `prioritized` (their scores are
 * the lowest) appear as the end of `wait`, from where the next job is taken.
 */
const viewScript = `
local prioritized, wait = table.remove(ARGV), table.remove(ARGV)
local call, plain = redis.call, { '-inf', '(-9007194959773696' }
local function lined() return call('ZCOUNT', prioritized, plain[1], plain[2]) end

-- Indexes of a range from the first, as Redis reads them: negative ones count from the end.
local function range(first, last, length)
  first, last = tonumber(first), tonumber(last)
  if first < 0 then first = math.max(length + first, 0) end
  if last < 0 then last = length + last end
  return first, math.min(last, length - 1)
end

local function waiting(first, last)
  local length = call('LLEN', wait)
  first, last = range(first, last, length + lined())
  local ids = {}
  if first < length and first <= last then ids = call('LRANGE', wait, first, math.min(last, length - 1)) end
  local from = math.max(first, length)
  if from <= last then
    for _, id in ipairs(call('ZREVRANGEBYSCORE', prioritized, plain[2], plain[1], 'LIMIT', from - length, last - from + 1)) do
      ids[#ids + 1] = id
    end
  end
  return ids
end

local function isPlain(id)
  local score = call('ZSCORE', prioritized, id)
  return score and tonumber(score) < -9007194959773696
end

local views = {
  [wait] = {
    LLEN = function() return call('LLEN', wait) + lined() end,
    LRANGE = waiting,
    LINDEX = function(at) return waiting(at, at)[1] end,
    LPOS = function(id) return isPlain(id) and 0 or call('LPOS', wait, id) end,
  },
  [prioritized] = {
    ZCARD = function() return call('ZCARD', prioritized) - lined() end,
    ZSCORE = function(id) return not isPlain(id) and call('ZSCORE', prioritized, id) end,
    ZCOUNT = function(least, most)
      local down = 9007199254740992
      return call('ZCOUNT', prioritized, least, most) + call('ZCOUNT', prioritized, least - down, most - down)
    end,
    ZRANGE = function(first, last)
      local hidden, from, to = lined()
      from, to = range(first, last, call('ZCARD', prioritized) - hidden)
      return from <= to and call('ZRANGE', prioritized, from + hidden, to + hidden) or {}
    end,
    ZREVRANGE = function(first, last)
      local from, to = range(first, last, call('ZCARD', prioritized) - lined())
      return from <= to and call('ZREVRANGE', prioritized, from, to) or {}
    end,
  },
}
local redis = {
  call = function(command, key, ...)
    local view = views[key] and views[key][command]
    if view then return view(...) end
    return call(command, key, ...)
  end,
}
`;

/** Has jobs that are lined up, and have no priority, counted and listed as waiting. */
export function viewLinedUpAsWaiting(backend: RedisQueueBackend): void {
  const execCommand = backend.execCommand.bind(backend);
  const { wait = '', prioritized = '' } = backend.keys;
  backend.execCommand = (client, name, args) => {
    if (!isRead(name)) return execCommand(client, name, args);
    define(client as RedisClient);
    return (client as RedisClient).runCommand(viewing(name), [...args, wait, prioritized]);
  };
  const isJobInState = backend.isJobInState.bind(backend);
  backend.isJobInState = async (state, id) =>
    state === 'waiting' || state === 'prioritized' ? (await backend.getState(id)) === state : isJobInState(state, id);
}

function viewing(name: string): string {
  return `omnitenant:view:${name}`;
}

const define = defining(() =>
  [...bullScripts()]
    .filter(([name]) => isRead(name))
    .map(([name, script]) => [viewing(name), { ...script, lua: `${viewScript}${script.lua}` }]),
);
