import { createHash } from 'node:crypto';
import type { RedisClient } from '../connections/redis-client.ts';

/** A script that Redis runs atomically, on the fields of one owner and on the times at which they end. */
export interface Script {
  readonly lua: string;
  readonly sha: string;
}

/** Runs a script by its hash, and sends its text only if the server does not know it yet. */
export async function evaluate(
  client: RedisClient,
  { lua, sha }: Script,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<unknown> {
  const all = [...keys, ...args.map(String)];
  try {
    return await client.evalsha(sha, keys.length, ...all);
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
    return client.eval(lua, keys.length, ...all);
  }
}

/*
 * The entries of an owner are one hash, so that clearing them is one command, and a sorted set of the times at which its
 * fields end:
 *   e<key>  an entry: its tags, each with its version at the time of the write, a line break, the JSON text
 *   l<key>  a lease: the same, with the lease's name as its text
 *   t<tag>  the tag's version; invalidating a tag deletes its version
 * Versions and leases are random names, never used twice, so that no entry is valid by accident after the hash was cleared or
 * evicted. Both keys expire with their last field; each write deletes fields that have ended.
 *
 * A script writes before it deletes: a Redis without memory refuses a script's first write, and none after one that it allowed.
 */
const prelude = `
local fields, ends = KEYS[1], KEYS[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function live(field)
  local at = redis.call('ZSCORE', ends, field)
  local held = at and tonumber(at) > now and redis.call('HGET', fields, field)
  if not held then return end
  local line = string.find(held, '\\n', 1, true)
  local tags = cjson.decode(string.sub(held, 1, line - 1))
  for tag, version in pairs(tags) do
    if redis.call('HGET', fields, 't' .. tag) ~= version then return end
  end
  return string.sub(held, line + 1), tags, at
end

local function versions(tags, fresh, last)
  for tag, version in pairs(tags) do
    if not version then
      version = redis.call('HGET', fields, 't' .. tag)
      if not version then
        version = fresh
        redis.call('HSET', fields, 't' .. tag, version)
      end
      tags[tag] = version
    end
    redis.call('ZADD', ends, 'GT', last, 't' .. tag)
  end
  return tags
end

local function tagsFrom(first, tags)
  tags = tags or {}
  for i = first, #ARGV do tags[ARGV[i]] = tags[ARGV[i]] or false end
  return tags
end

local function write(field, text, tags, fresh, last)
  tags = versions(tags, fresh, last)
  redis.call('HSET', fields, field, cjson.encode(tags) .. '\\n' .. text)
  redis.call('ZADD', ends, last, field)
end

local function drop(...)
  redis.call('HDEL', fields, ...)
  redis.call('ZREM', ends, ...)
end

local function settle()
  local ended = redis.call('ZRANGEBYSCORE', ends, '-inf', now, 'LIMIT', 0, 100)
  if #ended > 0 then drop(unpack(ended)) end
  local last = redis.call('ZREVRANGE', ends, 0, 0, 'WITHSCORES')[2]
  if last then
    redis.call('PEXPIREAT', fields, last)
    redis.call('PEXPIREAT', ends, last)
  end
end
`;

function script(body: string): Script {
  const lua = prelude + body;
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
}

/** key → JSON text */
export const getScript: Script = script(`
local json = live('e' .. ARGV[1])
return json
`);

/** key, a new name, ttl (ms), tags → 1 and JSON text, or 0 and a lease */
export const getOrLeaseScript: Script = script(`
local json = live('e' .. ARGV[1])
if json then return { 1, json } end
local lease, tags = live('l' .. ARGV[1])
lease = lease or ARGV[2]
write('l' .. ARGV[1], lease, tagsFrom(4, tags), ARGV[2], now + ARGV[3])
settle()
return { 0, lease }
`);

/** key, a new name, ttl (ms), JSON text, lease or '', tags → 1 if the entry was kept */
export const setScript: Script = script(`
local lease = live('l' .. ARGV[1])
if ARGV[5] ~= '' and lease ~= ARGV[5] then return 0 end
write('e' .. ARGV[1], ARGV[4], tagsFrom(6), ARGV[2], now + ARGV[3])
drop('l' .. ARGV[1])
settle()
return 1
`);

/** key, lease */
export const releaseScript: Script = script(`
if live('l' .. ARGV[1]) ~= ARGV[2] then return end
drop('l' .. ARGV[1])
settle()
`);

/** key → 1 if there was an entry */
export const deleteScript: Script = script(`
local json = live('e' .. ARGV[1])
drop('e' .. ARGV[1], 'l' .. ARGV[1])
settle()
return json and 1 or 0
`);

/** key, summand, ttl (ms) → the sum as text, kept if it is exact, or nothing if the entry is not a whole number */
export const incrementScript: Script = script(`
local json, tags, last = live('e' .. ARGV[1])
local sum = ARGV[2]
if json then
  if not string.find(json, '^%-?%d+$') then return false end
  sum = tonumber(json) + tonumber(ARGV[2])
  local exact = math.abs(sum) <= 9007199254740991
  sum = string.format('%.0f', sum)
  if not exact then return sum end
end
write('e' .. ARGV[1], sum, tags or {}, '', last or now + ARGV[3])
drop('l' .. ARGV[1])
settle()
return sum
`);

/** tags */
export const invalidateScript: Script = script(`
for i = 1, #ARGV do drop('t' .. ARGV[i]) end
settle()
`);
