import { setTimeout as pause } from 'node:timers/promises';
import { TenancyError } from '../errors/errors.ts';
import type { Tenant } from '../models/tenant.ts';
import { dayOf } from '../models/usage.ts';
import { outside } from '../scope/context.ts';
import type { UsageBatch, UsageStore } from '../stores/usage.ts';
import { tellUsage, type WrittenUsage } from './tell-usage.ts';
import type { UsageMeter } from './usage-meter.ts';
import type { UsageParts } from './usage-parts.ts';

/** What is written, where to, and who is told. */
export interface FlushOptions<T extends Tenant> extends UsageParts<T> {
  readonly meter: UsageMeter;
  readonly kept: UsageStore;
}

/** Writes what a process counts to central. */
export interface Flush {
  /** Writes everything that was counted so far. Rejects with STORE_UNAVAILABLE. */
  now(): Promise<void>;
  /** Writes it for the last time, and waits for those who are told. Never rejects, and waits for a few seconds at most. */
  end(): Promise<void>;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const longestEndMs = 5_000;

/**
 * Writes at each full `flushMs` of the clock, and at midnight, a little later in each process than in the others. A batch that could not
 * be written is written again before the next is taken, so that a process holds two at most.
 */
export function createFlush<T extends Tenant>(parts: FlushOptions<T>): Flush {
  const { meter, kept, options, onError } = parts;
  const { flushMs = hourMs, keepDays = 400 } = options ?? {};
  let taken: UsageBatch | undefined;
  let last: Promise<void> = Promise.resolve();
  let told: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;

  function take(): void {
    const batch = taken === undefined ? meter.take() : undefined;
    if (batch !== undefined) taken = { ...batch, keepSince: dayOf(new Date(Date.now() - keepDays * dayMs)) };
  }

  async function write(): Promise<void> {
    for (take(); taken !== undefined; take()) {
      const { records } = taken;
      const sums = await kept.add(taken);
      taken = undefined;
      tell({ records, sums });
    }
  }

  /** Writing does not wait for it: whoever is told may ask for the usage, which writes first. */
  function tell(written: WrittenUsage): void {
    told = told.then(() => tellUsage(parts, written));
  }

  function now(): Promise<void> {
    last = last.then(write, write);
    return last;
  }

  function schedule(): void {
    const at = Date.now();
    const untilNext = Math.min(flushMs - (at % flushMs), dayMs - (at % dayMs));
    timer = later(untilNext, () => {
      take();
      timer = later(Math.random() * Math.min(flushMs / 10, 60_000), () => {
        now().catch((error) => onError(error, {}));
        schedule();
      });
    });
  }

  schedule();
  return {
    now,

    async end() {
      clearTimeout(timer);
      const waiting = new AbortController();
      try {
        await Promise.race([
          now().then(() => told),
          pause(longestEndMs, undefined, waiting).then(() => Promise.reject(tooLate())),
        ]);
      } catch (error) {
        onError(error, {});
      } finally {
        waiting.abort();
      }
    },
  };
}

function later(ms: number, fn: () => void): NodeJS.Timeout {
  return outside(() => setTimeout(fn, ms)).unref();
}

function tooLate(): TenancyError {
  const message = `The usage that this process has counted was not written, or not told, within ${longestEndMs} ms, and may be lost.`;
  return new TenancyError('STORE_UNAVAILABLE', message);
}
