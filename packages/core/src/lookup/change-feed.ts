import { publish } from '../diagnostics/tenancy-diagnostics.ts';
import { redact } from '../errors/redact.ts';
import type { TenantChanges, TenantRecordChange } from '../stores/changes.ts';

/** What a feed reads, and whom it tells. */
export interface ChangeFeedOptions {
  readonly changes: (since: number | undefined) => Promise<TenantChanges>;
  readonly onChange: (change: TenantRecordChange) => void;
  /** Called where anything may have changed. */
  readonly onUnknown: () => void;
  /** Milliseconds for which what is remembered is trusted while the feed cannot be read. */
  readonly trustMs: number;
  readonly clock: { now(): number };
}

/** Keeps what a process remembers in step with the store. */
export interface ChangeFeed {
  /**
   * Says whether what is remembered may be used now (`undefined`), or only after a look at the changes. It asks when it is called, and
   * has no timer: a process that serves nobody asks nothing, and there is nothing to close.
   */
  fresh(): Promise<void> | undefined;
  /** Looks at the changes now, and once more where a look is under way that may have missed the last one. */
  look(): void;
  /** Looks at the changes, and says what is wrong if they cannot be read. */
  check(): Promise<string | undefined>;
}

/** After so long, the changes are looked at while what is remembered is still used. */
const lookAfterMs = 1_000;
/** After so long, what is remembered is used only after a look. */
const waitAfterMs = 1_500;
/** How long a caller waits for the store's answer before it uses what is remembered. */
const patienceMs = 1_000;
/** So long after a change, no process that can read the changes uses what it remembered before, in milliseconds. */
export const seenWithinMs: number = waitAfterMs + patienceMs;

export function createChangeFeed({ changes, onChange, onUnknown, trustMs, clock }: ChangeFeedOptions): ChangeFeed {
  let position: number | undefined;
  /** When the last look began that has succeeded. */
  let seenAt = Number.NEGATIVE_INFINITY;
  let failedAt = Number.NEGATIVE_INFINITY;
  let flight: Promise<void> | undefined;
  let isOutrun = false;
  /** Why the last look has failed. */
  let failure: string | undefined;

  async function read(): Promise<void> {
    const askedAt = clock.now();
    try {
      const found = await changes(position);
      // The first look only says where the feed is; nothing was remembered before.
      if (!found.complete) onUnknown();
      for (const change of found.changes) onChange(change);
      position = found.until;
      seenAt = askedAt;
      failure = undefined;
    } catch (error) {
      failedAt = clock.now();
      const message = redact(error instanceof Error ? error.message : String(error));
      failure = message;
      publish('omnitenant:feed-unreadable', () => ({ message }));
    }
  }

  function look(): Promise<void> {
    flight ??= read().finally(() => {
      flight = undefined;
      if (isOutrun) void look();
      isOutrun = false;
    });
    return flight;
  }

  /** Gives up where the store does not answer in time; the look goes on. */
  async function lookInTime(): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, patienceMs);
    await Promise.race([look(), late]).finally(() => clearTimeout(timer));
    if (clock.now() - seenAt > waitAfterMs) failedAt = clock.now();
    distrust();
  }

  function distrust(): void {
    if (clock.now() - seenAt > trustMs) onUnknown();
  }

  return {
    fresh() {
      const now = clock.now();
      if (now - seenAt <= lookAfterMs) return undefined;
      // Where the store does not answer, only some of the callers wait for it.
      if (now - failedAt <= lookAfterMs) {
        distrust();
        return undefined;
      }
      if (now - seenAt > waitAfterMs) return lookInTime();
      void look();
      return undefined;
    },
    async check() {
      await look();
      return failure && `The changes of tenants cannot be read, so those of other processes are seen later: ${failure}`;
    },
    look() {
      if (flight === undefined) void look();
      else isOutrun = true;
    },
  };
}
