import { createHash } from 'node:crypto';
import type { RedisClient } from '../connections/redis-client.ts';

/**
 * A script that Redis runs atomically, on the hash of one owner. Its last two arguments are a channel, or '', and what it publishes
 * there when it has changed something.
 */
export interface Script {
  readonly lua: string;
  readonly sha: string;
}

/** Runs a script by its hash, and sends its text only if the server does not know it yet. */
export async function evaluate(
  client: RedisClient,
  { lua, sha }: Script,
  key: string,
  args: readonly (string | number)[],
): Promise<unknown> {
  const all = args.map(String);
  try {
    return await client.evalsha(sha, 1, key, ...all);
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
    return client.eval(lua, 1, key, ...all);
  }
}

/*
 * All that an owner has is one hash, so that clearing is one command, and an eviction takes all of it or nothing:
 *   m<key>  of an entry: when it is gone, when its time to live is over, its tags with their versions at the time of the write
 *   e<key>  the entry's text
 *   l<key>  the leases of a key: when they end, how many hold one, their name, the tags with their versions
 *   t<tag>  when the last entry of the tag is gone, and the tag's version; invalidating a tag deletes it
 * Versions and leases are random names, never used twice, so that no entry is valid by accident after the hash was cleared or
 * evicted. The hash expires with its last field. Each write looks at some fields, as Redis itself does with its keys, and deletes
 * those that have ended; of a small hash it looks at all.
 *
 * A script writes before it deletes: a Redis without memory refuses a script's first write, and none after one that it allowed.
 */
const prelude = `
local hash = KEYS[1]
local message, channel = table.remove(ARGV), table.remove(ARGV)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function changed()
  if channel ~= '' then redis.call('PUBLISH', channel, message) end
end

local function decoded(tags)
  return tags == '{}' and {} or cjson.decode(tags)
end

local function current(tags)
  for tag, version in pairs(tags) do
    local held = redis.call('HGET', hash, 't' .. tag)
    if not held or string.match(held, ' (.*)$') ~= version then return false end
  end
  return true
end

local function entry(key)
  local held = redis.call('HGET', hash, 'm' .. key)
  if not held then return end
  local last, fresh, tags = string.match(held, '^(%d+) (%d+) (.*)$')
  local found = { last = tonumber(last), fresh = tonumber(fresh), tags = decoded(tags) }
  if found.last > now and current(found.tags) then return found end
end

local function fresh(key)
  local found = entry(key)
  if found and found.fresh > now then return found end
end

local function text(key)
  return redis.call('HGET', hash, 'e' .. key)
end

local function lease(key)
  local held = redis.call('HGET', hash, 'l' .. key)
  if not held then return end
  local last, holders, name, tags = string.match(held, '^(%d+) (%d+) (%S+) (.*)$')
  local found = { last = tonumber(last), holders = tonumber(holders), name = name, tags = decoded(tags) }
  if found.last > now and current(found.tags) then return found end
end

-- The versions of the tags, which are to be known until the time last. A tag without a version gets the new one.
local function versions(tags, new, last)
  local named = {}
  for _, tag in ipairs(tags) do
    local ends, version = string.match(redis.call('HGET', hash, 't' .. tag) or '', '^(%d+) (.*)$')
    if not version or tonumber(ends) < last then
      redis.call('HSET', hash, 't' .. tag, string.format('%.0f %s', last, version or new))
    end
    named[tag] = version or new
  end
  return named
end

local function names(tags)
  local list = {}
  for tag in pairs(tags) do list[#list + 1] = tag end
  return list
end

local function described(found)
  return string.format('%.0f %.0f %s', found.last, found.fresh, cjson.encode(found.tags))
end

local function setLease(key, found)
  local text = string.format('%.0f %.0f %s %s', found.last, found.holders, found.name, cjson.encode(found.tags))
  redis.call('HSET', hash, 'l' .. key, text)
end

-- Drops what is dead of the fields named; gives how many were, and when the last of the others ends.
local function sweep(fields)
  local seen, names, valid, gone, last = {}, {}, { ['{}'] = true }, {}, 0
  for _, name in ipairs(fields) do
    if string.sub(name, 1, 1) == 'e' then name = 'm' .. string.sub(name, 2) end
    if not seen[name] then names[#names + 1] = name end
    seen[name] = true
  end
  for i, held in ipairs(redis.call('HMGET', hash, unpack(names))) do
    local isEntry = string.sub(names[i], 1, 1) == 'm'
    local tags = isEntry and held and string.match(held, '{.*$') or '{}'
    if valid[tags] == nil then valid[tags] = current(decoded(tags)) end
    local ends = held and tonumber(string.match(held, '^%d+')) or 0
    if ends > now and valid[tags] then
      last = math.max(last, ends)
    else
      gone[#gone + 1] = names[i]
      if isEntry then gone[#gone + 1] = 'e' .. string.sub(names[i], 2) end
    end
  end
  if #gone > 0 then redis.call('HDEL', hash, unpack(gone)) end
  return #gone, last
end

local function settle(last)
  local size = redis.call('HLEN', hash)
  if size == 0 then return end
  if size <= 16 then
    local _, left = sweep(redis.call('HKEYS', hash))
    if left > 0 then redis.call('PEXPIREAT', hash, string.format('%.0f', left)) end
    return
  end
  for round = 1, 3 do
    if sweep(redis.call('HRANDFIELD', hash, -8)) < 4 or redis.call('HLEN', hash) <= 16 then break end
  end
  if last and last > now + redis.call('PTTL', hash) then
    redis.call('PEXPIREAT', hash, string.format('%.0f', last))
  end
end
`;

function script(body: string): Script {
  const lua = prelude + body;
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
}

/** keys → for each its text, and for how many ms its time to live goes on; false and 0 if there is none */
export const getScript: Script = script(`
local texts = {}
for i, key in ipairs(ARGV) do
  local found = fresh(key)
  texts[2 * i - 1] = found and text(key) or false
  texts[2 * i] = found and found.fresh - now or 0
end
return texts
`);

/**
 * key, a new name, ttl (ms), tags → a text, and for how many ms its time to live goes on; or false, a stale text or false, and a
 * lease or false
 */
export const getOrLeaseScript: Script = script(`
local key, new, ttl, tags = ARGV[1], ARGV[2], ARGV[3], cjson.decode(ARGV[4])
local found = entry(key)
if found and found.fresh > now then return { text(key), found.fresh - now } end
local held = lease(key)
if found and held then return { false, text(key), false } end
local last = math.max(now + ttl, held and held.last or 0)
local kept = versions(tags, new, last)
for tag, version in pairs(held and held.tags or {}) do kept[tag] = version end
versions(names(kept), new, last)
local name = held and held.name or new
setLease(key, { last = last, holders = (held and held.holders or 0) + 1, name = name, tags = kept })
settle(last)
return { false, found and text(key) or false, name }
`);

/**
 * lease, '' or '*', a new name, ttl (ms), grace (ms), tags, and each key with its text → 1 if they were kept. With a lease they are
 * kept unless it has ended, with '*' if there is no entry.
 */
export const setScript: Script = script(`
local only, new, ends = ARGV[1], ARGV[2], now + ARGV[3]
local last = ends + ARGV[4]
if only == '*' then
  if fresh(ARGV[6]) then return 0 end
elseif only ~= '' then
  local held = lease(ARGV[6])
  if not held or held.name ~= only then return 0 end
end
local line = described({ last = last, fresh = ends, tags = versions(cjson.decode(ARGV[5]), new, last) })
for i = 6, #ARGV, 2 do
  redis.call('HSET', hash, 'm' .. ARGV[i], line, 'e' .. ARGV[i], ARGV[i + 1])
  redis.call('HDEL', hash, 'l' .. ARGV[i])
end
settle(last)
changed()
return 1
`);

/** key, ttl (ms) → 1 if there was an entry */
export const touchScript: Script = script(`
local found = fresh(ARGV[1])
if not found then return 0 end
local grace = found.last - found.fresh
found.fresh = now + ARGV[2]
found.last = found.fresh + grace
versions(names(found.tags), '', found.last)
redis.call('HSET', hash, 'm' .. ARGV[1], described(found))
settle(found.last)
changed()
return 1
`);

/** key, lease */
export const releaseScript: Script = script(`
local held = lease(ARGV[1])
if not held or held.name ~= ARGV[2] then return end
if held.holders > 1 then
  held.holders = held.holders - 1
  setLease(ARGV[1], held)
else
  redis.call('HDEL', hash, 'l' .. ARGV[1])
  settle()
end
`);

/** key → 1 if there was an entry */
export const deleteScript: Script = script(`
local there = fresh(ARGV[1])
redis.call('HDEL', hash, 'm' .. ARGV[1], 'e' .. ARGV[1], 'l' .. ARGV[1])
settle()
changed()
return there and 1 or 0
`);

/** key, summand, ttl (ms) → the sum as text, kept if it is exact, or nothing if the entry is not a whole number */
export const incrementScript: Script = script(`
local key, sum = ARGV[1], ARGV[2]
local found = fresh(key)
if found then
  local held = text(key)
  if not string.find(held, '^%-?%d+$') then return false end
  sum = tonumber(held) + tonumber(sum)
  local exact = math.abs(sum) <= 9007199254740991
  sum = string.format('%.0f', sum)
  if not exact then return sum end
end
found = found or { last = now + ARGV[3], fresh = now + ARGV[3], tags = {} }
redis.call('HSET', hash, 'm' .. key, described(found), 'e' .. key, sum)
redis.call('HDEL', hash, 'l' .. key)
settle(found.last)
changed()
return sum
`);

/** tags */
export const invalidateScript: Script = script(`
for _, tag in ipairs(cjson.decode(ARGV[1])) do redis.call('HDEL', hash, 't' .. tag) end
settle()
changed()
`);

/** nothing */
export const clearScript: Script = script(`
redis.call('UNLINK', hash)
changed()
`);
