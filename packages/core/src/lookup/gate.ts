import { TenancyError } from '../errors/errors.ts';

/** How many calls run at once, and how many wait. */
export interface GateOptions {
  readonly running: number;
  readonly waiting: number;
  /**
   * Which of many names exist. Asked while more calls wait than may run, so that a flood of unknown names keeps nobody waiting who
   * exists.
   */
  readonly existing?: ((names: readonly string[]) => Promise<ReadonlySet<string>>) | undefined;
}

/** Runs a bounded number of calls at once, and queues a bounded number of others. */
export interface Gate {
  /**
   * Makes the call for a name, or resolves to `undefined` if it had to wait and the name turned out not to exist. A name that is known
   * goes before the others. Rejects with STORE_UNAVAILABLE if the queue is full.
   */
  pass<R>(name: string, call: () => Promise<R>, isKnown?: boolean): Promise<R | undefined>;
}

interface Waiting {
  readonly name: string;
  /** Ends the wait: with a slot for the call, or without one because the name does not exist. */
  readonly end: (hasSlot: boolean) => void;
}

/** How many names are asked about at once. */
const batch = 1_000;

/** A gate for calls to the store. */
export function createGate({ running: limit, waiting: most, existing }: GateOptions): Gate {
  let running = 0;
  let waiting = 0;
  let isAsking = false;
  const known: Waiting[] = [];
  const others: Waiting[] = [];

  // A call that ends hands its slot to the next one, so that a new call cannot take it first.
  function leave(): void {
    const next = known.shift() ?? others.shift();
    if (next === undefined) running -= 1;
    else next.end(true);
  }

  async function sortOut(ask: NonNullable<typeof existing>): Promise<void> {
    if (isAsking) return;
    isAsking = true;
    while (others.length > limit) {
      const asked = others.splice(0, batch);
      // Where the question fails, each call fails or succeeds by itself.
      const found = await ask(asked.map(({ name }) => name)).catch(() => undefined);
      const exists = ({ name }: Waiting) => found?.has(name) ?? true;
      known.push(...asked.filter(exists));
      for (const one of asked) if (!exists(one)) one.end(false);
      for (; running < limit && known.length > 0; running += 1) known.shift()?.end(true);
    }
    isAsking = false;
  }

  function wait(name: string, isKnown: boolean): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    waiting += 1;
    const end = (hasSlot: boolean) => {
      waiting -= 1;
      resolve(hasSlot);
    };
    (isKnown ? known : others).push({ name, end });
    if (existing !== undefined) void sortOut(existing);
    return promise;
  }

  return {
    async pass(name, call, isKnown = false) {
      if (running < limit) running += 1;
      else if (waiting >= most && !isKnown) throw tooManyLookups();
      else if (!(await wait(name, isKnown))) return undefined;
      try {
        return await call();
      } finally {
        leave();
      }
    },
  };
}

function tooManyLookups(): TenancyError {
  return new TenancyError('STORE_UNAVAILABLE', 'Too many tenants are being looked up at once; try again.');
}
