import type { RedisClient, RedisQueueBackend } from 'bullmq';
import { bullScripts } from '../bullmq/bull-scripts.ts';
import { defining } from '../bullmq/defining.ts';

const command = 'omnitenant:changePriority';

/** A job whose priority is changed leaves its tenant's line, and is lined up again: as the first of that priority with `lifo`. */
const leaveLine = `
local read, opts = pcall(cjson.decode, redis.call('HGET', ARGV[2] .. ARGV[3], 'opts') or '')
local owner = read and type(opts) == 'table' and opts.tenant or 'nobody'
redis.call('LREM', ARGV[2] .. 'fair:line:' .. owner, 0, ARGV[3])
redis.call('ZREM', ARGV[2] .. 'fair:line:' .. owner .. ':priorities', ARGV[3])
if ARGV[4] == '1' and redis.call('EXISTS', ARGV[2] .. ARGV[3], ARGV[2] .. 'fair:turns') == 2 then
  redis.call('HSET', ARGV[2] .. ARGV[3], 'fair:first', 1)
end
`;

const define = defining(() => {
  const script = bullScripts().get('changePriority');
  return script === undefined ? [] : [[command, { ...script, lua: leaveLine + script.lua }]];
});

/** Has a new priority heeded for jobs that are lined up too. */
export function heedNewPriorities(backend: RedisQueueBackend): void {
  const execCommand = backend.execCommand.bind(backend);
  backend.execCommand = (client, name, args) => {
    if (name !== 'changePriority') return execCommand(client, name, args);
    define(client as RedisClient);
    return (client as RedisClient).runCommand(command, args);
  };
}
