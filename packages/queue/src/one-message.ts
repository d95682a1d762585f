import type { Writable } from 'node:stream';
import type { RedisQueueBackend } from 'bullmq';

interface Connected {
  readonly stream?: Partial<Writable>;
}

/**
 * Sends what a worker says in one turn of the event loop in one message. To write each command by itself is the dearest part
 * of a short job, and many jobs end in one turn, as their answers come in one message too.
 */
export function sendInOneMessage(backend: RedisQueueBackend): void {
  const execCommand = backend.execCommand.bind(backend);
  const corked = new Set<Partial<Writable>>();

  backend.execCommand = (client, name, args) => {
    const { stream } = client as Connected;
    if (stream?.cork !== undefined && !corked.has(stream)) {
      if (corked.size === 0) process.nextTick(send);
      corked.add(stream);
      stream.cork();
    }
    return execCommand(client, name, args);
  };

  function send(): void {
    for (const stream of corked) stream.uncork?.();
    corked.clear();
  }
}
