/** A real server that answers at `url`. `stop` ends it when it was started here, and does nothing to anyone else's. */
export interface Service extends AsyncDisposable {
  readonly url: string;
  readonly from: 'env' | 'local' | 'started';
  stop(): Promise<void>;
}

interface Ways {
  /** The variable that names a server to use, like `DATABASE_URL`. */
  variable: string;
  /** Rejects with the reason why the server at `url` is of no use. */
  check(url: string): Promise<unknown>;
  /** What may answer on this machine's standard port. */
  local: readonly string[];
  start(): Promise<{ url: string; stop(): Promise<void> }>;
  /** Whether only one of our own will do, as with `OMNITENANT_SERVICES=embedded`. */
  isOwn?: boolean;
}

/**
 * Finds a server, in this order: the one that the environment names (it must answer), one on the standard port, one of
 * our own. `OMNITENANT_SERVICES=embedded` goes straight to the last.
 */
export async function findService({ variable, check, local, start, isOwn = false }: Ways): Promise<Service> {
  if (!isOwn && process.env.OMNITENANT_SERVICES !== 'embedded') {
    const url = process.env[variable];
    if (url) {
      await check(url).catch((error: unknown) => {
        throw new Error(`${variable} (${masked(url)}) is of no use: ${reason(error)}`);
      });
      return service(url, 'env');
    }
    for (const url of local) {
      const usable = await check(url).then(
        () => true,
        () => false,
      );
      if (usable) return service(url, 'local');
    }
  }
  const started = await start();
  return service(started.url, 'started', started.stop);
}

export function service(url: string, from: Service['from'], stop: () => Promise<void> = async () => {}): Service {
  return { url, from, stop, [Symbol.asyncDispose]: stop };
}

/** The URL without its password. */
export function masked(url: string): string {
  return url.replace(/(:\/\/[^:@/?#]*:).*(@)/, '$1***$2').replace(/([?&]password=)[^&#]*/gi, '$1***');
}

function reason(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reason).join('; ');
  return masked(error instanceof Error ? error.message : String(error));
}
