import type { RedisClient, RedisQueueBackend } from 'bullmq';
import { bullScripts } from '../bullmq/bull-scripts.ts';
import { defining } from '../bullmq/defining.ts';

const command = 'omnitenant:cleanJobsInSet';

/**
 * BullMQ looks for waiting jobs in `wait`, and for those with a priority among scores from 0. Those that are lined up are in
 * `prioritized` with scores below: the lowest are of those without a priority.
 */
function cleaning(lua: string): string {
  return `local call, prioritized = redis.call, ARGV[1] .. 'prioritized'
local least, most, limit
local redis = {
  call = function(command, key, ...)
    if least and key == prioritized and command:find('^ZRANGE') then
      return call('ZRANGEBYSCORE', key, least, most, 'LIMIT', 0, limit > 0 and limit or -1)
    end
    return call(command, key, ...)
  end,
}
local function clean(KEYS, ARGV)\n${lua}\nend
local set = ARGV[4]
limit = tonumber(ARGV[3])
if set == 'prioritized' then least, most = -9007194959773696, '+inf' end
local cleaned = clean(KEYS, ARGV)
if set ~= 'wait' or limit > 0 and #cleaned >= limit then return cleaned end
least, most, limit = '-inf', '(-9007194959773696', limit > 0 and limit - #cleaned or 0
for _, id in ipairs(clean({ prioritized, KEYS[2], KEYS[3] }, { ARGV[1], ARGV[2], limit, 'prioritized' })) do
  cleaned[#cleaned + 1] = id
end
return cleaned`;
}

const define = defining(() => {
  const script = bullScripts().get('cleanJobsInSet');
  return script === undefined ? [] : [[command, { ...script, lua: cleaning(script.lua) }]];
});

/** Has `clean` find the jobs that are lined up too. */
export function cleanLinedUp(backend: RedisQueueBackend): void {
  const execCommand = backend.execCommand.bind(backend);
  backend.execCommand = (client, name, args) => {
    if (name !== 'cleanJobsInSet') return execCommand(client, name, args);
    define(client as RedisClient);
    return (client as RedisClient).runCommand(command, args);
  };
}
