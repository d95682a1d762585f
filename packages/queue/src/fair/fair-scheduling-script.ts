/**
 * A Lua function that schedules waiting jobs fairly. It returns the number of jobs that are still unscheduled.
 *
 * BullMQ starts jobs from `wait`, and then from `prioritized`, in the order of their scores there. The function moves jobs from the
 * one to the other: the n-th scheduled job of a tenant gets the score of the current round plus n. With a limit, a tenant has at
 * most so many jobs scheduled and active; the others are held in `delayed`, until one finishes, or until `hold` has passed. So a
 * job is always where BullMQ looks for it; our own keys are only hints.
 *
 * Its parameters: the prefix of the queue's keys, the limit (0: none), now and the longest hold (ms), the maximum number of jobs
 * to schedule, and the id of a job that finishes now, or an empty string.
 */
export const fairSchedulingScript = `
local function scheduleFairly(prefix, limit, now, hold, most, finished)
  local call = redis.call
  local wait, prioritized, delayed = prefix .. 'wait', prefix .. 'prioritized', prefix .. 'delayed'
  local rounds = prefix .. 'fair'
  -- The scores of jobs with a priority of their own start here; they come after all scheduled ones.
  local last = 0x100000000

  local function tenantOf(id)
    local opts = call('HGET', prefix .. id, 'opts')
    local read, parsed = pcall(cjson.decode, opts or '')
    local tenant = read and type(parsed) == 'table' and parsed.tenant
    return type(tenant) == 'string' and tenant or ''
  end

  local function active(tenant) return rounds .. ':' .. tenant end
  local function held(tenant) return rounds .. ':held:' .. tenant end

  local round
  local function findRound()
    local head = call('ZRANGE', prioritized, 0, 0, 'WITHSCORES')
    round = tonumber(head[2]) or last
    if round >= last then
      call('DEL', rounds)
      round = 1
    end
  end

  local taken = {}
  local function schedule(id, tenant)
    if not round then findRound() end
    local before = taken[tenant] or tonumber(call('HGET', rounds, tenant)) or 0
    taken[tenant] = math.max(before + 1, round)
    call('ZADD', prioritized, taken[tenant], id)
  end

  -- A job that crashed or was removed is neither scheduled nor locked.
  local checked = {}
  local function forgetGone(tenant)
    if checked[tenant] then return end
    checked[tenant] = true
    for _, id in ipairs(call('SMEMBERS', active(tenant))) do
      if not call('ZSCORE', prioritized, id) and call('EXISTS', prefix .. id .. ':lock') == 0 then
        call('SREM', active(tenant), id)
      end
    end
  end

  local function hasRoom(tenant) return call('SCARD', active(tenant)) < limit end

  local arrival = now
  local function admit(id, tenant)
    if limit > 0 and call('SISMEMBER', active(tenant), id) == 0 then
      if not hasRoom(tenant) then forgetGone(tenant) end
      if not hasRoom(tenant) then
        call('ZADD', delayed, (now + hold) * 0x1000, id)
        arrival = arrival + 1 / 0x1000
        call('ZADD', held(tenant), 'NX', arrival, id)
        return call('HSET', prefix .. id, 'delay', hold)
      end
      call('SADD', active(tenant), id)
      call('ZREM', held(tenant), id)
    end
    schedule(id, tenant)
  end

  local function release(id, tenant)
    call('SREM', active(tenant), id)
    while hasRoom(tenant) do
      local next = call('ZPOPMIN', held(tenant))[1]
      if not next then return end
      if call('ZREM', delayed, next) == 1 then
        call('HSET', prefix .. next, 'delay', 0)
        call('SADD', active(tenant), next)
        schedule(next, tenant)
        call('ZADD', prefix .. 'marker', 0, '0')
      end
    end
  end

  if limit > 0 and finished ~= '' then release(finished, tenantOf(finished)) end
  local ids = call('LRANGE', wait, -most, -1)
  if #ids > 0 then call('LTRIM', wait, 0, -#ids - 1) end
  for n = #ids, 1, -1 do admit(ids[n], tenantOf(ids[n])) end
  for tenant, score in pairs(taken) do call('HSET', rounds, tenant, score) end
  return #ids < most and 0 or call('LLEN', wait)
end
`;
