/**
 * Lua functions that line up jobs, choose the next one, and count it.
 *
 * A job that may start is in BullMQ's sorted set `prioritized`, and also in the line of its tenant: a list, and a sorted set for jobs
 * with a priority, which come after those of the list. `fair` holds the tenants that may start a job now, each with its next turn; the
 * lowest turn is next. A tenant that may not start one is in its line only: it has all of its jobs active, or is parked, or is
 * paused. Its jobs cost nothing until it comes back. The chosen job is put last in `wait`, where BullMQ's own script takes it.
 *
 * In `prioritized`, scores below zero belong to jobs that are lined up. BullMQ adds scores above zero, and those are lined up
 * next. A job without a priority of its own has one below -2^53 + 2^32.
 *
 * They are in parts, because each function that a script makes costs something in each call. The last arguments of a script are ours:
 * the prefix of the queue's keys, the limits of every tenant (empty: each tenant's are in `fair:limits`), and now in ms.
 */
export const turnsScript = `
local now, limits, prefix = tonumber(table.remove(ARGV)), table.remove(ARGV), table.remove(ARGV)
local call = redis.call
local prioritized, ready, turns = prefix .. 'prioritized', prefix .. 'fair', prefix .. 'fair:turns'
local span, lined = 4294967296, -9007199254740992
local counting = limits ~= '0 0 0 1'

local function line(owner) return prefix .. 'fair:line:' .. owner end
local function lineByPriority(owner) return prefix .. 'fair:line:' .. owner .. ':priorities' end

-- concurrency, jobs for each window, window in ms, weight; 0 is no limit
local function limitsOf(owner)
  if not counting then return 0, 0, 0, 1 end
  local text = limits
  -- The first job of a tenant runs alone, until a worker has said what the tenant's limits are.
  if text == '' then text = call('HGET', prefix .. 'fair:limits', owner) or (owner:find('@', 1, true) and '1 0 0 1' or '0 0 0 1') end
  local concurrency, max, window, weight = text:match('^(%S+) (%S+) (%S+) (%S+)$')
  return tonumber(concurrency), tonumber(max), tonumber(window), tonumber(weight)
end

local function park(owner, untilMs)
  call('ZADD', prefix .. 'fair:parked', 'GT', untilMs, owner)
  call('ZREM', ready, owner)
end

-- A tenant that comes back is at most one turn ahead of the others, so that its first job is next.
local function enter(owner)
  if call('ZSCORE', ready, owner) then return end
  local last = call('HMGET', turns, owner, '')
  local turn = math.max(tonumber(last[1]) or lined, (tonumber(last[2]) or 0) - 1)
  call('HSET', turns, owner, turn)
  if call('ZSCORE', prefix .. 'fair:parked', owner) or call('SISMEMBER', prefix .. 'fair:paused', owner) == 1 then return end
  local concurrency, max = limitsOf(owner)
  if concurrency > 0 and (tonumber(call('HGET', prefix .. 'fair:busy', owner)) or 0) >= concurrency then return end
  local rate = prefix .. 'fair:rate:' .. owner
  if max > 0 and (tonumber(call('GET', rate)) or 0) >= max then
    -- Until the window is over. The clock of a worker may be ahead of it, so that the tenant comes back too early.
    park(owner, now + math.max(call('PTTL', rate), 1))
    return
  end
  call('ZADD', ready, turn, owner)
end

local function reenter(owner)
  if call('EXISTS', line(owner), lineByPriority(owner)) == 0 then return end
  enter(owner)
  call('ZADD', prefix .. 'marker', 0, '0')
end

-- Counts a job as active no more. Returns its tenant, if it was counted.
local function release(id)
  local owner = counting and call('HGET', prefix .. 'fair:active', id)
  if not owner then return nil end
  call('HDEL', prefix .. 'fair:active', id)
  if call('HINCRBY', prefix .. 'fair:busy', owner, -1) <= 0 then call('HDEL', prefix .. 'fair:busy', owner) end
  if not call('ZSCORE', ready, owner) then reenter(owner) end
  return owner
end

-- Lines up jobs: ids and the numbers by which they are ordered, and whether they come first.
local function lineUp(ids, number, first)
  -- What is added to sorted sets and lists, so that it takes one call for each of them.
  local additions, entering = {}, {}
  local function addLater(command, key, id, score)
    local args = additions[key] or { command, key }
    additions[key] = args
    if score then args[#args + 1] = score end
    args[#args + 1] = id
  end
  for _, id in ipairs(ids) do
    number = number + 1
    release(id)
    local job = call('HMGET', prefix .. id, 'opts', 'priority', 'fair:first')
    local read, opts = pcall(cjson.decode, job[1] or '')
    if not read or type(opts) ~= 'table' then opts = {} end
    local owner = type(opts.tenant) == 'string' and opts.tenant ~= '' and opts.tenant or 'nobody'
    local priority, count, isFirst = tonumber(job[2]) or 0, number % span, first or opts.lifo == true or job[3]
    if job[3] then call('HDEL', prefix .. id, 'fair:first') end
    addLater('ZADD', prioritized, id, lined + priority * span + count)
    if priority > 0 then
      addLater('ZADD', lineByPriority(owner), id, priority * 2 * span + (isFirst and -count or count))
    elseif isFirst then
      call('LPUSH', line(owner), id)
    else
      addLater('RPUSH', line(owner), id)
    end
    entering[owner] = true
  end
  for key, args in pairs(additions) do
    for n = 3, #args, 2000 do call(args[1], key, unpack(args, n, math.min(n + 1999, #args))) end
  end
  for owner in pairs(entering) do enter(owner) end
end

-- Lines up what came to wait, and what is due. Returns whether there is more.
local function lineUpNew(most)
  local wait, delayed = prefix .. 'wait', prefix .. 'delayed'
  local waiting = call('LRANGE', wait, -most, -1)
  local added = call('ZRANGEBYSCORE', prioritized, 0, '+inf', 'LIMIT', 0, most)
  local due = call('ZRANGEBYSCORE', delayed, 0, (now + 1) * 0x1000 - 1, 'LIMIT', 0, most)
  local total = #waiting + #added + #due
  if total == 0 then return false end
  local ids = {}
  if #waiting > 0 then call('LTRIM', wait, 0, -#waiting - 1) end
  for n = #waiting, 1, -1 do ids[#ids + 1] = waiting[n] end
  for _, id in ipairs(added) do ids[#ids + 1] = id end
  for _, id in ipairs(due) do
    ids[#ids + 1] = id
    call('ZREM', delayed, id)
    call('HSET', prefix .. id, 'delay', 0)
    call('XADD', prefix .. 'events', '*', 'event', 'waiting', 'jobId', id, 'prev', 'delayed')
  end
  lineUp(ids, call('INCRBY', prefix .. 'pc', total) - total, false)
  return #waiting == most or #added == most or #due == most
end
`;

/** Lua functions that choose and start the next job. */
export const startingScript = `
local function choose()
  local parked = prefix .. 'fair:parked'
  for _, owner in ipairs(call('ZRANGEBYSCORE', parked, '-inf', now)) do
    call('ZREM', parked, owner)
    if call('EXISTS', line(owner), lineByPriority(owner)) > 0 then enter(owner) end
  end
  while true do
    local owner, turn = unpack(call('ZRANGE', ready, 0, 0, 'WITHSCORES'))
    if not owner then break end
    local id, place = call('LPOP', line(owner)), nil
    if not id then id, place = unpack(call('ZPOPMIN', lineByPriority(owner))) end
    if not id then
      call('ZREM', ready, owner)
    elseif call('ZREM', prioritized, id) == 1 then
      call('RPUSH', prefix .. 'wait', id)
      return { id = id, owner = owner, turn = tonumber(turn), place = place }
    end
  end
  if call('EXISTS', prioritized) == 1 then return nil end
  -- Nothing waits, so what is left in the lines was removed, or taken by a worker that is not fair.
  for _, owner in ipairs(call('HKEYS', turns)) do call('DEL', line(owner), lineByPriority(owner)) end
  call('DEL', turns, ready)
end

local function count(job)
  local owner = job.owner
  local concurrency, max, window, weight = limitsOf(owner)
  local turn, full = job.turn + 1 / weight, false
  call('HSET', turns, owner, turn, '', job.turn)
  if counting then
    call('HSET', prefix .. 'fair:active', job.id, owner)
    full = call('HINCRBY', prefix .. 'fair:busy', owner, 1) >= concurrency and concurrency > 0
  end
  if full then call('ZREM', ready, owner) else call('ZADD', ready, turn, owner) end
  if max > 0 then
    local key = prefix .. 'fair:rate:' .. owner
    local started = call('INCR', key)
    if started == 1 then call('PEXPIRE', key, window) end
    if started >= max then park(owner, now + call('PTTL', key)) end
  end
end

-- Counts the job that BullMQ has started, or puts it first in its line again.
local function settle(job, result)
  if type(result) == 'table' and result[2] == job.id then return count(job) end
  call('LREM', prefix .. 'wait', -1, job.id)
  if job.place then
    local priority = math.floor((job.place + span) / (2 * span))
    call('ZADD', prioritized, lined + priority * span + math.abs(job.place - priority * 2 * span), job.id)
    call('ZADD', lineByPriority(job.owner), job.place, job.id)
  else
    call('ZADD', prioritized, lined, job.id)
    call('LPUSH', line(job.owner), job.id)
  end
end

-- When there may be a job again, in the form of BullMQ's reply.
local function nothing(more)
  local due = call('ZRANGE', prefix .. 'delayed', 0, 0, 'WITHSCORES')[2]
  local back = call('ZRANGE', prefix .. 'fair:parked', 0, 0, 'WITHSCORES')[2]
  local ms = math.min(due and tonumber(due) / 0x1000 or math.huge, tonumber(back) or math.huge)
  return { 0, 0, 0, more and now or (ms < math.huge and ms or 0) }
end

-- Starts the next job with BullMQ's own script, which may not take it: its limiter, or a pause.
local function startNext(most, start)
  local more = lineUpNew(most)
  local job = choose()
  if not job then return nothing(more) end
  local result = start()
  settle(job, result)
  return result
end

-- Finishes a job and starts the next one in one of BullMQ's scripts. The place of the first is free when the next is chosen.
local function finishAndStart(id, most, finish)
  local owner = release(id)
  local more = lineUpNew(most)
  local job = choose()
  local result = finish(job)
  if job then settle(job, result) end
  if type(result) == 'table' or result == 0 then return job and result or nothing(more) end
  -- It is not this worker's any more, and nothing was done.
  if owner then
    call('HSET', prefix .. 'fair:active', id, owner)
    local limit = limitsOf(owner)
    if call('HINCRBY', prefix .. 'fair:busy', owner, 1) >= limit and limit > 0 then call('ZREM', ready, owner) end
  end
  return result
end
`;

/** Lua functions that are not needed for each job. */
export const administrationScript = `
-- Puts a job that BullMQ has moved back to wait first in its line again.
local function putBack(id)
  release(id)
  call('LREM', prefix .. 'wait', -1, id)
  lineUp({ id }, call('INCR', prefix .. 'pc'), true)
  call('ZADD', prefix .. 'marker', 0, '0')
end

-- A job of a worker that is gone.
local function releaseGone()
  local all = call('HGETALL', prefix .. 'fair:active')
  for n = 1, #all, 2 do
    if not call('LPOS', prefix .. 'active', all[n]) then release(all[n]) end
  end
end

-- The workers may have other limits than those that ran before.
local function reenterAll()
  for _, owner in ipairs(call('HKEYS', turns)) do
    if owner ~= '' then reenter(owner) end
  end
end

local function setLimits(owner, text)
  call('HSET', prefix .. 'fair:limits', owner, text)
  local _, max, window = limitsOf(owner)
  local key, started = prefix .. 'fair:rate:' .. owner, tonumber(call('HGET', prefix .. 'fair:busy', owner)) or 0
  -- What started before the rate was known counts.
  if max > 0 and started > 0 and call('EXISTS', key) == 0 then
    call('SET', key, started, 'PX', window)
    if started >= max then park(owner, now + window) end
  end
  reenter(owner)
end

local function pause(owner)
  call('SADD', prefix .. 'fair:paused', owner)
  call('ZREM', ready, owner)
end

local function resume(owner)
  call('SREM', prefix .. 'fair:paused', owner)
  reenter(owner)
end

local function forget(owner)
  local left = {}
  for _, id in ipairs(call('LRANGE', line(owner), 0, -1)) do
    if call('ZSCORE', prioritized, id) then left[#left + 1] = id end
  end
  call('DEL', line(owner))
  for n = 1, #left, 2000 do call('RPUSH', line(owner), unpack(left, n, math.min(n + 1999, #left))) end
  for _, id in ipairs(call('ZRANGE', lineByPriority(owner), 0, -1)) do
    if not call('ZSCORE', prioritized, id) then call('ZREM', lineByPriority(owner), id) end
  end
  if call('EXISTS', line(owner), lineByPriority(owner)) > 0 then return end
  call('ZREM', ready, owner)
  call('ZREM', prefix .. 'fair:parked', owner)
  call('SREM', prefix .. 'fair:paused', owner)
  call('HDEL', turns, owner)
  call('HDEL', prefix .. 'fair:limits', owner)
  call('DEL', prefix .. 'fair:rate:' .. owner)
end

local function forgetAll()
  for _, owner in ipairs(call('HKEYS', turns)) do
    call('DEL', line(owner), lineByPriority(owner), prefix .. 'fair:rate:' .. owner)
  end
  call('DEL', ready, turns)
  for _, key in ipairs({ 'parked', 'paused', 'active', 'busy', 'limits' }) do call('DEL', prefix .. 'fair:' .. key) end
end
`;
