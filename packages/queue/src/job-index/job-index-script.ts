/**
 * A Lua function that returns the index of a queue: the ids of each tenant's jobs and schedules.
 *
 * `tenant:<owner>` holds a tenant's jobs that are not finished, in the order in which they were added.
 * `tenant:<owner>:finished` holds those that are, by the time they finished; also jobs that were removed since, as long as BullMQ's
 * stream of events may tell of them. Jobs may be removed without the index: as it is written to, a few entries are
 * checked, so that about half of them at most are out of date. `tenants` names the tenants, and when those that were removed within the
 * last day were. What runs for each job makes as few calls as it can.
 */
export const jobIndexScript = `
local function jobIndex(prefix)
  local call = redis.call
  local tenants, events = prefix .. 'tenants', prefix .. 'events'

  local function pending(owner) return prefix .. 'tenant:' .. owner end
  local function finished(owner) return prefix .. 'tenant:' .. owner .. ':finished' end
  local function schedules(owner) return prefix .. 'tenant:' .. owner .. ':schedules' end
  local function nowMs()
    local time = call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
  end

  local function isTenant(owner) return type(owner) == 'string' and owner:find('@', 1, true) ~= nil end
  local function ownerIn(opts)
    local read, parsed = pcall(cjson.decode, opts or '')
    local owner = read and type(parsed) == 'table' and parsed.tenant
    return isTenant(owner) and owner or nil
  end

  local function isRemoved(owner)
    local at = call('HGET', tenants, owner)
    if not at then call('HSET', tenants, owner, '') end
    return at and at ~= ''
  end

  -- Whether no event tells of what happened by then.
  local function isForgotten(ms)
    local oldest = call('XRANGE', events, '-', '+', 'COUNT', 1)[1]
    return not oldest or tonumber(oldest[1]:match('^%d+')) > tonumber(ms)
  end

  local function checkFinished(owner, id)
    if call('EXISTS', prefix .. id) == 1 then return end
    local at = call('ZSCORE', finished(owner), id)
    if at and isForgotten(at) then call('ZREM', finished(owner), id) end
  end

  local function some(key, check, owner)
    for _, id in ipairs(call('ZRANDMEMBER', key, 8)) do check(owner, id) end
  end

  local function checkPending(owner, id)
    local job = call('HMGET', prefix .. id, 'name', 'finishedOn')
    if job[1] and not job[2] then return true end
    call('ZREM', pending(owner), id)
    call('ZADD', finished(owner), 'NX', nowMs(), id)
    some(finished(owner), checkFinished, owner)
    return false
  end

  local function add(owner, id)
    local count = call('GET', prefix .. 'id') or '0'
    -- An id that the application chose may be that of a job that is there already.
    if id ~= count and call('HEXISTS', prefix .. id, 'finishedOn') == 1 then return end
    if call('ZADD', pending(owner), 'NX', count, id) == 1 and count % 8 == 0 then some(pending(owner), checkPending, owner) end
  end

  local function finish(owner, id, atMs)
    call('ZREM', pending(owner), id)
    call('ZADD', finished(owner), atMs, id)
    if tonumber(atMs) % 4 == 0 then some(finished(owner), checkFinished, owner) end
  end

  local function count(owner, max)
    local ids = call('ZCARD', pending(owner))
    if ids < max then return ids end
    for _, id in ipairs(call('ZRANGE', pending(owner), 0, -1)) do checkPending(owner, id) end
    return call('ZCARD', pending(owner))
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

  local function pagePending(owner, start, size, descending)
    local found = {}
    local ids = call(descending and 'ZREVRANGE' or 'ZRANGE', pending(owner), start, start + size - 1)
    for _, id in ipairs(ids) do
      if checkPending(owner, id) then
        found[#found + 1] = id
        found[#found + 1] = stateOf(id)
      end
    end
    return { #ids, found }
  end

  local function pageFinished(owner, start, size, descending)
    local found = {}
    local ids = call(descending and 'ZREVRANGE' or 'ZRANGE', finished(owner), start, start + size - 1)
    for _, id in ipairs(ids) do
      for _, state in ipairs({ 'completed', 'failed' }) do
        if call('ZSCORE', prefix .. state, id) then
          found[#found + 1] = id
          found[#found + 1] = state
        end
      end
    end
    return { #ids, found }
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
      if call('ZSCORE', pending(owner), id) then
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
      if all[n + 1] ~= '' and tonumber(all[n + 1]) < now - 24 * 3600 * 1000 then call('HDEL', tenants, all[n]) end
    end
    call('HSET', tenants, owner, now)
  end

  local function endRemoval(owner)
    forgetEvents(function(id) return call('ZSCORE', pending(owner), id) or call('ZSCORE', finished(owner), id) end)
    call('DEL', pending(owner), finished(owner), schedules(owner))
  end

  local function forgetAll()
    for _, owner in ipairs(call('HKEYS', tenants)) do call('DEL', pending(owner), finished(owner), schedules(owner)) end
    call('DEL', tenants)
  end

  return {
    isTenant = isTenant, ownerIn = ownerIn, isRemoved = isRemoved, add = add, finish = finish, count = count,
    forgetEvents = forgetEvents, pagePending = pagePending, pageFinished = pageFinished, readSchedules = readSchedules,
    schedule = function(owner, id) call('SADD', schedules(owner), id) end,
    pullWaiting = pullWaiting, beginRemoval = beginRemoval, endRemoval = endRemoval, forgetAll = forgetAll,
  }
end
`;
