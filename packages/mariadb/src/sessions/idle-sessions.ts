/** Sessions that nobody uses, the one that has waited longest first. Each is closed after a while. */
export interface IdleSessions<S> {
  keep(session: S): void;
  /** Takes the first one that fits. */
  take(fits: (session: S) => boolean): S | undefined;
  delete(session: S): void;
  end(): void;
}

export function idleSessions<S>(idleMs: number, close: (session: S) => void): IdleSessions<S> {
  const since = new Map<S, number>();
  let sweeping: NodeJS.Timeout | undefined;

  function sweep(): void {
    for (const [session, moment] of since) if (performance.now() - moment >= idleMs) close(session);
    if (since.size === 0) stop();
  }

  function stop(): void {
    clearInterval(sweeping);
    sweeping = undefined;
  }

  return {
    keep(session) {
      since.set(session, performance.now());
      sweeping ??= setInterval(sweep, Math.max(idleMs / 2, 10)).unref();
    },

    take(fits) {
      const found = [...since.keys()].find(fits);
      if (found !== undefined) since.delete(found);
      return found;
    },

    delete: (session) => void since.delete(session),
    end: stop,
  };
}
