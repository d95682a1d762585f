/**
 * Lines up what is waiting, so that the tenants take turns.
 *
 * BullMQ gives out what is in `wait`, and then what is in `prioritized`, in the order of the scores there. The script moves the
 * jobs from the one to the other: a tenant's n-th job in line gets a score that is n more than that of the turn that is next.
 * With a limit, a tenant has so many jobs in line and at work at most; the others are held in `delayed`, from where they go on
 * when one ends, or by themselves after a while. So a job is always where BullMQ knows and finds it; our own keys are hints.
 *
 * KEYS  wait, prioritized, delayed
 * ARGV  the prefix of the queue's keys, the limit (0: none), now and the longest hold (ms), the most jobs to line up,
 *       and the ids of the jobs that end now
 */
export const turnsScript = `
local wait, prioritized, delayed = KEYS[1], KEYS[2], KEYS[3]
local prefix, limit, now, hold = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local turns = prefix .. 'fair'
-- Scores of jobs with a priority of their own begin here; they come after all turns.
local last = 0x100000000
local call = redis.call

local function tenantOf(id)
  local opts = call('HGET', prefix .. id, 'opts')
  return opts and cjson.decode(opts).tenant or ''
end

local function atWork(tenant) return turns .. ':' .. tenant end
local function held(tenant) return turns .. ':held:' .. tenant end

local head = call('ZRANGE', prioritized, 0, 0, 'WITHSCORES')
local round = tonumber(head[2]) or last
if round >= last then
  call('DEL', turns)
  round = 1
end

local function lineUp(id, tenant)
  local turn = math.max((tonumber(call('HGET', turns, tenant)) or 0) + 1, round)
  call('HSET', turns, tenant, turn)
  call('ZADD', prioritized, turn, id)
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

for n = 6, limit > 0 and #ARGV or 0 do leave(ARGV[n], tenantOf(ARGV[n])) end
for _ = 1, tonumber(ARGV[5]) do
  local id = call('RPOP', wait)
  if not id then return 0 end
  admit(id, tenantOf(id))
end
return call('LLEN', wait)
`;
