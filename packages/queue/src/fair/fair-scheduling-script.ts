/**
 * A function in Lua that lines up what is waiting, so that the tenants take turns. It gives how many jobs have still to be lined up.
 *
 * BullMQ gives out what is in `wait`, and then what is in `prioritized`, in the order of the scores there. The function moves the
 * jobs from the one to the other: a tenant's n-th job in line gets a score that is n more than that of the turn that is next.
 * With a limit, a tenant has so many jobs in line and at work at most; the others are held in `delayed`, from where they go on
 * when one ends, or by themselves after a while. So a job is always where BullMQ knows and finds it; our own keys are hints.
 *
 * It takes the prefix of the queue's keys, the limit (0: none), now and the longest hold (ms), the most jobs to line up,
 * and the id of a job that ends now, or nothing.
 */
export const turnsScript = `
local function takeTurns(prefix, limit, now, hold, most, ending)
  local call = redis.call
  local wait, prioritized, delayed = prefix .. 'wait', prefix .. 'prioritized', prefix .. 'delayed'
  local turns = prefix .. 'fair'
  -- Scores of jobs with a priority of their own begin here; they come after all turns.
  local last = 0x100000000

  local function tenantOf(id)
    local opts = call('HGET', prefix .. id, 'opts')
    local read, parsed = pcall(cjson.decode, opts or '')
    local tenant = read and type(parsed) == 'table' and parsed.tenant
    return type(tenant) == 'string' and tenant or ''
  end

  local function atWork(tenant) return turns .. ':' .. tenant end
  local function held(tenant) return turns .. ':held:' .. tenant end

  local round
  local function findRound()
    local head = call('ZRANGE', prioritized, 0, 0, 'WITHSCORES')
    round = tonumber(head[2]) or last
    if round >= last then
      call('DEL', turns)
      round = 1
    end
  end

  local taken = {}
  local function lineUp(id, tenant)
    if not round then findRound() end
    local before = taken[tenant] or tonumber(call('HGET', turns, tenant)) or 0
    taken[tenant] = math.max(before + 1, round)
    call('ZADD', prioritized, taken[tenant], id)
  end

  -- What crashed or was removed is neither in line nor locked.
  local checked = {}
  local function forgetGone(tenant)
    if checked[tenant] then return end
    checked[tenant] = true
    for _, id in ipairs(call('SMEMBERS', atWork(tenant))) do
      if not call('ZSCORE', prioritized, id) and call('EXISTS', prefix .. id .. ':lock') == 0 then
        call('SREM', atWork(tenant), id)
      end
    end
  end

  local function hasRoom(tenant) return call('SCARD', atWork(tenant)) < limit end

  local arrival = now
  local function admit(id, tenant)
    if limit > 0 and call('SISMEMBER', atWork(tenant), id) == 0 then
      if not hasRoom(tenant) then forgetGone(tenant) end
      if not hasRoom(tenant) then
        call('ZADD', delayed, (now + hold) * 0x1000, id)
        arrival = arrival + 1 / 0x1000
        call('ZADD', held(tenant), 'NX', arrival, id)
        return call('HSET', prefix .. id, 'delay', hold)
      end
      call('SADD', atWork(tenant), id)
      call('ZREM', held(tenant), id)
    end
    lineUp(id, tenant)
  end

  local function leave(id, tenant)
    call('SREM', atWork(tenant), id)
    while hasRoom(tenant) do
      local next = call('ZPOPMIN', held(tenant))[1]
      if not next then return end
      if call('ZREM', delayed, next) == 1 then
        call('HSET', prefix .. next, 'delay', 0)
        call('SADD', atWork(tenant), next)
        lineUp(next, tenant)
        call('ZADD', prefix .. 'marker', 0, '0')
      end
    end
  end

  if limit > 0 and ending ~= '' then leave(ending, tenantOf(ending)) end
  local ids = call('LRANGE', wait, -most, -1)
  if #ids > 0 then call('LTRIM', wait, 0, -#ids - 1) end
  for n = #ids, 1, -1 do admit(ids[n], tenantOf(ids[n])) end
  for tenant, turn in pairs(taken) do call('HSET', turns, tenant, turn) end
  return #ids < most and 0 or call('LLEN', wait)
end
`;
