import { RedisConnection } from 'bullmq';

/** A script in the form that a client's `defineCommand` takes. */
export interface Script {
  readonly numberOfKeys: number;
  readonly lua: string;
}

/** The scripts of BullMQ's own commands by name, as its connection defines them on a client. */
export function bullScripts(): ReadonlyMap<string, Script> {
  const scripts = new Map<string, Script>();
  const client = { defineCommand: (name: string, script: Script) => scripts.set(name, script) };
  // In brackets, because it is protected.
  RedisConnection.prototype['loadCommands'].call({ _client: client } as never, '');
  return new Map([...scripts].map(([name, script]) => [name.replace(/:.*/, ''), script]));
}
