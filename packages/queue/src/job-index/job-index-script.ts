/**
 * The index of a queue: the ids of each tenant's jobs and schedules.
 *
 * `tenant:<owner>` holds a tenant's jobs, in the order in which they were added. It is written to when a job is added, and not when one
 * is finished or removed. So it may hold ids of jobs that are gone: those who read it leave them out, and a sweep now and then
 * moves them to `tenant:<owner>:gone`, with the time, where they stay as long as BullMQ's stream of events may tell of them.
 * `tenants` has a field for each tenant: empty, or 'counted' while the tenant's unfinished jobs are in `tenant:<owner>:unfinished`
 * as well, because their number is limited, or the time of its removal within the last day.
 *
 * The scripts that run for each job are plain statements, with as few calls as possible: to make Lua's functions in each call costs
 * more than what they do.
 */

/** Lua statements in front of a command that adds a job of `owner`, which is refused if the tenant was removed. */
export function beforeAdding(prefix: string, owner: string, refusal: string): string {
  return `
local prefix, owner = ${prefix}, ${owner}
local status = redis.call('HGET', prefix .. 'tenants', owner)
if not status then
  redis.call('HSET', prefix .. 'tenants', owner, '')
elseif status ~= '' and status ~= 'counted' then
  return ${refusal}
end
`;
}

/** Lua statements that write down a job that was added. An id that the application chose is not the queue's counter. */
export const afterAdding = `
redis.call('ZADD', prefix .. 'tenant:' .. owner, 'NX', tonumber(id) or redis.call('GET', prefix .. 'id') or 0, id)
if status == 'counted' and redis.call('HEXISTS', prefix .. id, 'finishedOn') == 0 then
  redis.call('SADD', prefix .. 'tenant:' .. owner .. ':unfinished', id)
end
`;

/** Lua statements that look at a few ids of the index: about half of them at most are gone, if this runs for one job in eight. */
export const sweep = `
do
  local jobs = prefix .. 'tenant:' .. owner
  local ids, keys, gone = redis.call('ZRANDMEMBER', jobs, -16), {}, {}
  for n, id in ipairs(ids) do keys[n] = prefix .. id end
  if #keys > 0 and redis.call('EXISTS', unpack(keys)) < #keys then
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    for _, id in ipairs(ids) do
      if redis.call('EXISTS', prefix .. id) == 0 then
        redis.call('ZREM', jobs, id)
        redis.call('ZADD', jobs .. ':gone', now, id)
      end
    end
    local event = redis.call('XRANGE', prefix .. 'events', '-', '+', 'COUNT', 1)[1]
    redis.call('ZREMRANGEBYSCORE', jobs .. ':gone', '-inf', event and '(' .. event[1]:match('^%d+') or '+inf')
  end
end
`;

/** A Lua function that returns the functions of the index that are not needed for each job. */
export const jobIndexScript = `
local function jobIndex(prefix)
  local call = redis.call
  local tenants, events = prefix .. 'tenants', prefix .. 'events'

  local function jobs(owner) return prefix .. 'tenant:' .. owner end
  local function gone(owner) return prefix .. 'tenant:' .. owner .. ':gone' end
  local function unfinished(owner) return prefix .. 'tenant:' .. owner .. ':unfinished' end
  local function schedules(owner) return prefix .. 'tenant:' .. owner .. ':schedules' end
  local function nowMs()
    local time = call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
  end

  local function isUnfinished(id)
    local job = call('HMGET', prefix .. id, 'name', 'finishedOn')
    return job[1] and not job[2]
  end

  -- The number of a tenant's unfinished jobs, counted from now on.
  local function count(owner, max)
    if call('HGET', tenants, owner) ~= 'counted' then
      for _, id in ipairs(call('ZRANGE', jobs(owner), 0, -1)) do
        if isUnfinished(id) then call('SADD', unfinished(owner), id) end
      end
      call('HSET', tenants, owner, 'counted')
    end
    local number = call('SCARD', unfinished(owner))
    if number < max then return number end
    -- Some may have been removed, or finished by a worker that does not count. To look at many takes a while, so not each time.
    if number > 1000 and not call('SET', unfinished(owner) .. ':checked', 1, 'NX', 'PX', 1000) then return number end
    for _, id in ipairs(call('SMEMBERS', unfinished(owner))) do
      if not isUnfinished(id) then call('SREM', unfinished(owner), id) end
    end
    return call('SCARD', unfinished(owner))
  end

  local function forgetEvents(isOwn)
    local from = '-'
    while true do
      local page = call('XRANGE', events, from, '+', 'COUNT', 500)
      for _, event in ipairs(page) do
        local fields = event[2]
        for n = 1, #fields, 2 do
          if fields[n] == 'jobId' and isOwn(fields[n + 1]) then call('XDEL', events, event[1]) end
        end
      end
      if #page < 500 then return end
      from = '(' .. page[#page][1]
    end
  end

  -- The state of a job that is not finished. What is in no set of BullMQ's is in the list 'wait', which is not searched.
  local function stateOf(id)
    if call('ZSCORE', prefix .. 'delayed', id) then return 'delayed' end
    local score = call('ZSCORE', prefix .. 'prioritized', id)
    if score then return tonumber(score) < -9007194959773696 and 'waiting' or 'prioritized' end
    if call('ZSCORE', prefix .. 'waiting-children', id) then return 'waiting-children' end
    if call('EXISTS', prefix .. id .. ':lock') == 1 or call('LPOS', prefix .. 'active', id) then return 'active' end
    return 'waiting'
  end

  -- A part of the tenant's jobs: how many ids were read, how many of them are gone, and the others, each with its state and, if it is
  -- finished, when. Jobs that are finished, or not, are left out unless they are asked for.
  local function page(owner, start, size, descending, finished, pending)
    local found, dead = {}, 0
    local ids = call(descending and 'ZREVRANGE' or 'ZRANGE', jobs(owner), start, start + size - 1)
    for _, id in ipairs(ids) do
      local job = call('HMGET', prefix .. id, 'name', 'finishedOn')
      local state = nil
      if not job[1] then
        dead = dead + 1
        call('ZREM', jobs(owner), id)
        call('ZADD', gone(owner), nowMs(), id)
      elseif not job[2] then
        state = pending and stateOf(id)
      elseif finished then
        state = call('ZSCORE', prefix .. 'completed', id) and 'completed' or 'failed'
      end
      if state then
        found[#found + 1] = id
        found[#found + 1] = state
        found[#found + 1] = job[2] or ''
      end
    end
    return { #ids, dead, found }
  end

  local function readSchedules(owner)
    local found = {}
    for _, id in ipairs(call('SMEMBERS', schedules(owner))) do
      if call('ZSCORE', prefix .. 'repeat', id) then found[#found + 1] = id else call('SREM', schedules(owner), id) end
    end
    return found
  end

  -- Moves the tenant's jobs out of a part of the list 'wait', counted from its end: to remove one from there is to search it.
  local function pullWaiting(owner, from, size)
    local wait, pulled = prefix .. 'wait', 0
    local ids = call('LRANGE', wait, -(from + size), -(from + 1))
    for n, id in ipairs(ids) do
      if call('ZSCORE', jobs(owner), id) then
        call('LSET', wait, -(from + #ids - n + 1), '')
        call('ZADD', prefix .. 'prioritized', 4294967296, id)
        pulled = pulled + 1
      end
    end
    if pulled > 0 then call('LREM', wait, -pulled, '') end
    return { #ids, pulled }
  end

  -- From here on nothing is added for the tenant, by processes that have not heard either.
  local function beginRemoval(owner)
    local now, all = nowMs(), call('HGETALL', tenants)
    for n = 1, #all, 2 do
      local removedAt = tonumber(all[n + 1])
      if removedAt and removedAt < now - 24 * 3600 * 1000 then call('HDEL', tenants, all[n]) end
    end
    call('HSET', tenants, owner, now)
  end

  local function forget(owner)
    call('DEL', jobs(owner), gone(owner), unfinished(owner), unfinished(owner) .. ':checked', schedules(owner))
  end

  local function endRemoval(owner)
    local own = {}
    for _, key in ipairs({ jobs(owner), gone(owner) }) do
      for _, id in ipairs(call('ZRANGE', key, 0, -1)) do own[id] = true end
    end
    forgetEvents(function(id) return own[id] end)
    forget(owner)
  end

  local function forgetAll()
    for _, owner in ipairs(call('HKEYS', tenants)) do forget(owner) end
    call('DEL', tenants)
  end

  return {
    count = count, forgetEvents = forgetEvents, page = page, readSchedules = readSchedules,
    pullWaiting = pullWaiting, beginRemoval = beginRemoval, endRemoval = endRemoval, forgetAll = forgetAll,
  }
end
`;
