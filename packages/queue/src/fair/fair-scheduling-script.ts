/**
 * A Lua function that returns the scheduler of a queue: functions that line up jobs, choose the next one, and count it.
 *
 * A job that may start is in BullMQ's sorted set `prioritized`, and also in the line of its tenant. The line says in which order
 * the tenant's own jobs come. `fair` holds the tenants that may start a job now, each with its next turn; the lowest turn is
 * next. A tenant that may not start one is in its line only: it has all of its jobs active, or is parked, or is paused.
 * Its jobs cost nothing until it comes back. The chosen job is put last in `wait`, where BullMQ's own script takes it.
 *
 * In `prioritized`, scores below zero belong to jobs that are lined up. BullMQ adds scores above zero, and those are lined up
 * next. A job without a priority of its own is below `plainEnd`.
 *
 * Its parameters: the prefix of the queue's keys, the limits of every tenant (empty: each tenant's are in `fair:limits`), and now
 * in ms.
 */
export const fairSchedulingScript = `
local function scheduler(prefix, limits, now)
  local call = redis.call
  local wait, prioritized, delayed = prefix .. 'wait', prefix .. 'prioritized', prefix .. 'delayed'
  local ready, turns, parked, paused = prefix .. 'fair', prefix .. 'fair:turns', prefix .. 'fair:parked', prefix .. 'fair:paused'
  local active, busy = prefix .. 'fair:active', prefix .. 'fair:busy'
  local span, lined = 4294967296, -9007199254740992

  local function line(owner) return prefix .. 'fair:line:' .. owner end
  local function wake() call('ZADD', prefix .. 'marker', 0, '0') end

  -- concurrency, jobs for each window, window in ms, weight; 0 is no limit
  local known = {}
  local function limitsOf(owner)
    if known[owner] then return known[owner] end
    local text = limits
    -- The first job of a tenant runs alone, until a worker has said what the tenant's limits are.
    if text == '' then text = call('HGET', prefix .. 'fair:limits', owner) or (owner:find('@', 1, true) and '1 0 0 1' or '0 0 0 1') end
    local concurrency, max, window, weight = text:match('^(%S+) (%S+) (%S+) (%S+)$')
    known[owner] = { concurrency = tonumber(concurrency), max = tonumber(max), window = tonumber(window), weight = tonumber(weight) }
    return known[owner]
  end
  local counting = limits == '' or limits:sub(1, 2) ~= '0 '

  local function isFull(owner)
    local limit = limitsOf(owner).concurrency
    return limit > 0 and (tonumber(call('HGET', busy, owner)) or 0) >= limit
  end

  local function park(owner, untilMs)
    call('ZADD', parked, 'GT', untilMs, owner)
    call('ZREM', ready, owner)
  end

  -- Until the window is over. The clock of a worker may be ahead of it, so that the tenant comes back too early.
  local function isSlowed(owner)
    local max, key = limitsOf(owner).max, prefix .. 'fair:rate:' .. owner
    if max == 0 or (tonumber(call('GET', key)) or 0) < max then return false end
    park(owner, now + math.max(call('PTTL', key), 1))
    return true
  end

  -- A tenant that comes back is at most one turn ahead of the others, so that its first job is next.
  local function enter(owner)
    local turn = math.max(tonumber(call('HGET', turns, owner)) or lined, (tonumber(call('HGET', turns, '')) or 0) - 1)
    call('HSET', turns, owner, turn)
    if call('ZSCORE', parked, owner) or call('SISMEMBER', paused, owner) == 1 or isFull(owner) then return end
    if isSlowed(owner) then return end
    call('ZADD', ready, 'NX', turn, owner)
  end

  local function reenter(owner)
    if call('ZCARD', line(owner)) == 0 then return end
    enter(owner)
    wake()
  end

  local function release(id)
    local owner = counting and call('HGET', active, id)
    if not owner then return end
    call('HDEL', active, id)
    if call('HINCRBY', busy, owner, -1) <= 0 then call('HDEL', busy, owner) end
    reenter(owner)
  end

  -- What is added to sorted sets, so that it takes one call for each of them.
  local additions = {}
  local function addLater(key, score, id)
    local args = additions[key] or {}
    additions[key] = args
    args[#args + 1] = score
    args[#args + 1] = id
  end
  local function addAll()
    for key, args in pairs(additions) do
      for n = 1, #args, 2000 do call('ZADD', key, unpack(args, n, math.min(n + 1999, #args))) end
    end
    additions = {}
  end

  local entered = {}
  local function lineUp(id, number, first)
    local job = call('HMGET', prefix .. id, 'opts', 'priority')
    local read, opts = pcall(cjson.decode, job[1] or '')
    if not read or type(opts) ~= 'table' then opts = {} end
    local owner = type(opts.tenant) == 'string' and opts.tenant ~= '' and opts.tenant or 'nobody'
    release(id)
    local priority, count = tonumber(job[2]) or 0, number % span
    addLater(prioritized, lined + priority * span + count, id)
    addLater(line(owner), priority * 2 * span + ((first or opts.lifo == true) and -count or count), id)
    if not entered[owner] then
      entered[owner] = true
      enter(owner)
    end
  end

  -- Lines up what came to wait, and what is due. Returns whether there is more.
  local function lineUpNew(most)
    local ids = call('LRANGE', wait, -most, -1)
    local added = call('ZRANGEBYSCORE', prioritized, 0, '+inf', 'LIMIT', 0, most)
    local due = call('ZRANGEBYSCORE', delayed, 0, (now + 1) * 0x1000 - 1, 'LIMIT', 0, most)
    local total = #ids + #added + #due
    if total == 0 then return false end
    local number = call('INCRBY', prefix .. 'pc', total) - total
    local function next(id)
      number = number + 1
      lineUp(id, number)
    end
    if #ids > 0 then call('LTRIM', wait, 0, -#ids - 1) end
    for n = #ids, 1, -1 do next(ids[n]) end
    for _, id in ipairs(added) do next(id) end
    for _, id in ipairs(due) do
      call('ZREM', delayed, id)
      call('HSET', prefix .. id, 'delay', 0)
      call('XADD', prefix .. 'events', '*', 'event', 'waiting', 'jobId', id, 'prev', 'delayed')
      next(id)
    end
    addAll()
    return #ids == most or #added == most or #due == most
  end

  -- Nothing waits, so what is left in the lines was removed, or taken by a worker that is not fair.
  local function forgetLines()
    for _, owner in ipairs(call('HKEYS', turns)) do call('DEL', line(owner)) end
    call('DEL', turns, ready)
  end

  local function choose()
    for _, owner in ipairs(call('ZRANGEBYSCORE', parked, '-inf', now)) do
      call('ZREM', parked, owner)
      if call('ZCARD', line(owner)) > 0 then enter(owner) end
    end
    while true do
      local owner, turn = unpack(call('ZRANGE', ready, 0, 0, 'WITHSCORES'))
      if not owner then
        if call('EXISTS', prioritized) == 0 then forgetLines() end
        return nil
      end
      local id, place = unpack(call('ZPOPMIN', line(owner)))
      if not id then
        call('ZREM', ready, owner)
      else
        if call('ZREM', prioritized, id) == 1 then
          call('RPUSH', wait, id)
          return { id = id, owner = owner, turn = tonumber(turn), place = place }
        end
      end
    end
  end

  local function count(job)
    local owner, of = job.owner, limitsOf(job.owner)
    local turn = job.turn + 1 / of.weight
    call('HSET', turns, owner, turn, '', job.turn)
    call('ZADD', ready, turn, owner)
    if counting then
      call('HSET', active, job.id, owner)
      if call('HINCRBY', busy, owner, 1) >= of.concurrency and of.concurrency > 0 then call('ZREM', ready, owner) end
    end
    if of.max > 0 then
      local key = prefix .. 'fair:rate:' .. owner
      local started = call('INCR', key)
      if started == 1 then call('PEXPIRE', key, of.window) end
      if started >= of.max then park(owner, now + call('PTTL', key)) end
    end
  end

  local function restore(job)
    call('RPOP', wait)
    local priority = math.floor((job.place + span) / (2 * span))
    call('ZADD', prioritized, lined + priority * span + math.abs(job.place - priority * 2 * span), job.id)
    call('ZADD', line(job.owner), job.place, job.id)
  end

  -- When there may be a job again.
  local function nextMs()
    local due, back = call('ZRANGE', delayed, 0, 0, 'WITHSCORES')[2], call('ZRANGE', parked, 0, 0, 'WITHSCORES')[2]
    local ms = math.min(due and tonumber(due) / 0x1000 or math.huge, tonumber(back) or math.huge)
    return ms < math.huge and ms or 0
  end

  -- Starts the next job with BullMQ's own script, which may not take it: its limiter, or a pause.
  local function startNext(most, start)
    local more = lineUpNew(most)
    local job = choose()
    if not job then return { 0, 0, 0, more and now or nextMs() } end
    local result = start()
    if result[2] == job.id then count(job) else restore(job) end
    return result
  end

  -- Puts a job that BullMQ has moved back to wait first in its line again.
  local function putBack(id)
    if call('LINDEX', wait, -1) == id then call('RPOP', wait) end
    lineUp(id, call('INCR', prefix .. 'pc'), true)
    addAll()
    wake()
  end

  -- A job of a worker that is gone.
  local function releaseGone()
    local all = call('HGETALL', active)
    for n = 1, #all, 2 do
      if not call('LPOS', prefix .. 'active', all[n]) then release(all[n]) end
    end
  end

  local function setLimits(owner, text)
    call('HSET', prefix .. 'fair:limits', owner, text)
    local of, key = limitsOf(owner), prefix .. 'fair:rate:' .. owner
    local started = tonumber(call('HGET', busy, owner)) or 0
    -- What started before the rate was known counts.
    if of.max > 0 and started > 0 and call('EXISTS', key) == 0 then
      call('SET', key, started, 'PX', of.window)
      if started >= of.max then park(owner, now + of.window) end
    end
    reenter(owner)
  end

  local function pause(owner)
    call('SADD', paused, owner)
    call('ZREM', ready, owner)
  end

  local function isPaused(owner) return call('SISMEMBER', paused, owner) end

  local function resume(owner)
    call('SREM', paused, owner)
    reenter(owner)
  end

  local function forget(owner)
    for _, id in ipairs(call('ZRANGE', line(owner), 0, -1)) do
      if not call('ZSCORE', prioritized, id) then call('ZREM', line(owner), id) end
    end
    if call('ZCARD', line(owner)) > 0 then return end
    call('ZREM', ready, owner)
    call('ZREM', parked, owner)
    call('SREM', paused, owner)
    call('HDEL', turns, owner)
    call('HDEL', prefix .. 'fair:limits', owner)
    call('DEL', prefix .. 'fair:rate:' .. owner)
  end

  local function forgetAll()
    for _, owner in ipairs(call('HKEYS', turns)) do call('DEL', line(owner), prefix .. 'fair:rate:' .. owner) end
    call('DEL', ready, turns, parked, paused, active, busy, prefix .. 'fair:limits')
  end

  return {
    lineUpNew = lineUpNew, startNext = startNext, release = release, releaseGone = releaseGone, putBack = putBack,
    park = park, pause = pause, isPaused = isPaused, resume = resume, setLimits = setLimits, forget = forget, forgetAll = forgetAll,
  }
end
`;
