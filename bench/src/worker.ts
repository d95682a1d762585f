import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** What a worker's module answers to, by name. */
type Calls = Readonly<Record<string, (input: never) => unknown>>;

/** A process of its own, so that what is measured there shares neither heap nor event loop with anything else. */
export interface Worker<C extends Calls> extends AsyncDisposable {
  call<N extends keyof C & string>(name: N, input: Parameters<C[N]>[0]): Promise<Awaited<ReturnType<C[N]>>>;
  end(): Promise<void>;
}

export interface WorkerOptions {
  /** Ends the worker, and rejects what it was asked. */
  readonly signal: AbortSignal;
  /** Further flags of Node. */
  readonly flags?: readonly string[];
}

interface Reply {
  readonly value?: unknown;
  readonly error?: string;
}

/** Starts the module, which calls `answer`. */
export function startWorker<C extends Calls>(module: URL, { signal, flags = [] }: WorkerOptions): Worker<C> {
  const child = fork(fileURLToPath(module), { execArgv: ['--conditions=@omnitenant/source', ...flags] });
  const ended = once(child, 'exit');
  const stop = () => child.kill('SIGKILL');
  signal.addEventListener('abort', stop, { once: true });
  const end = async () => {
    signal.removeEventListener('abort', stop);
    if (child.connected) child.disconnect();
    await ended;
  };
  return {
    async call(name, input) {
      signal.throwIfAborted();
      const answered = once(child, 'message') as Promise<[Reply]>;
      child.send({ name, input }, () => {});
      const [reply] = await Promise.race([answered, ended.then(gone)]);
      if (reply.error !== undefined) throw new Error(reply.error);
      return reply.value as never;
    },
    end,
    [Symbol.asyncDispose]: end,
  };

  function gone(): never {
    signal.throwIfAborted();
    throw new Error(`The process of ${module.pathname} has ended before it answered.`);
  }
}

/** Answers the process that started this one, a call at a time, until that one ends or lets go. */
export function answer(calls: Calls): void {
  // An interrupt from the terminal is for the process that started this one.
  process.on('SIGINT', () => {});
  process.on('disconnect', () => process.exit());
  process.on('message', async ({ name, input }: { name: string; input: never }) => {
    const reply: Reply = await (async () => ({ value: await calls[name]?.(input) }))().catch((error: unknown) => ({
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    }));
    process.send?.(reply);
  });
}

/** Microseconds of CPU that this process has used. */
export function cpu(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
