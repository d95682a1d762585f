import type { RedisClient } from 'bullmq';
import type { Script } from './bull-scripts.ts';

/** Makes the function that defines these commands on a client, once on each. */
export function defining(
  commands: () => Iterable<readonly [name: string, script: Script]>,
): (client: RedisClient) => void {
  const defined = new WeakSet<RedisClient>();
  const scripts = once(() => [...commands()]);
  return (client) => {
    if (defined.has(client)) return;
    defined.add(client);
    for (const [name, script] of scripts()) client.defineCommand(name, script);
  };
}

/** Makes a value when it is first asked for. */
export function once<T extends object>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
