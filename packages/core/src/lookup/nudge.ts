import { outside } from '../scope/context.ts';
import type { OnError } from '../signals/signals.ts';

/**
 * Notifies processes at once that a tenant has changed. The message has no content and may get lost, because each process also polls the
 * changes once a second.
 * @example
 * const nudge: Nudge = {
 *   send: () => bus.publish('tenants', ''),
 *   listen: (look) => bus.subscribe('tenants', look),
 * };
 */
export interface Nudge {
  /** Tells the other processes. It is called after each change by this one; leave it out where the store does that itself. */
  send?(): void | Promise<void>;
  /**
   * Calls `look` for each nudge, and whenever some may have been missed, as after a connection was lost. Returns what ends it.
   * `onError` receives what the application should know of, once and not for each attempt.
   */
  listen(look: () => void, onError: (error: unknown) => void): () => void | Promise<void>;
}

/** A tenancy's use of its nudge. None of it throws, and nobody waits for it. */
export interface Nudging {
  /** Tells the other processes, once for what changes in one go. */
  changed(): void;
  /** Begins to listen, the first time that it is called. */
  listen(look: () => void): void;
  /** Ends it, within a second. */
  end(): Promise<void>;
}

/** How long the end of it may take. */
const endMs = 1_000;

export function createNudging(nudge?: Nudge, onError: OnError = () => {}): Nudging {
  const report = (error: unknown) => onError(error, {});
  const sending = new Set<Promise<void>>();
  let isDue = false;
  let listening: (() => void | Promise<void>) | undefined;
  let ended = false;

  async function tell(): Promise<void> {
    await undefined;
    isDue = false;
    try {
      await outside(() => nudge?.send?.());
    } catch (error) {
      report(error);
    }
  }

  async function stop(): Promise<void> {
    await Promise.all(sending);
    try {
      await listening?.();
    } catch (error) {
      report(error);
    }
  }

  return {
    changed() {
      if (nudge?.send === undefined || isDue || ended) return;
      isDue = true;
      const told = tell().finally(() => sending.delete(told));
      sending.add(told);
    },

    listen(look) {
      if (nudge === undefined || listening !== undefined || ended) return;
      listening = () => {};
      const lookNow = () => {
        if (!ended) look();
      };
      try {
        listening = outside(() => nudge.listen(lookNow, report));
      } catch (error) {
        report(error);
      }
    },

    async end() {
      ended = true;
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, endMs);
      await Promise.race([stop(), late]);
      clearTimeout(timer);
    },
  };
}
