import { trace } from './cache-diagnostics.ts';
import type { EventSender } from './cache-events.ts';
import type { Built, PendingBuilds } from './pending-builds.ts';
import type { CacheStore, Lifetime } from './stores/cache-store.ts';
import { type Owner, tenantIdOf } from './stores/owner.ts';

/** How long a build may take, and how long others wait for it. */
export interface BuildTimes {
  readonly buildTimeoutMs: number;
  readonly waitMs: number;
}

/** What `getOrSet` needs of its cache. */
export interface GetOrSetOptions {
  readonly store: CacheStore;
  readonly owner: Owner;
  readonly builds: PendingBuilds;
  readonly events: EventSender;
}

/** A text to find or to build. */
export interface Wanted extends BuildTimes, Lifetime {
  readonly key: string;
  /** Builds the text; `undefined` if there is nothing to keep. */
  readonly build: (signal: AbortSignal) => Promise<string | undefined>;
}

/** For how much longer than a build its lease lives: until Redis has kept the value. */
const leaseMarginMs = 10_000;

/** The text under the key: kept, built by another caller in this process, stale while another builds, or built now. */
export async function getOrSet({ store, owner, builds, events }: GetOrSetOptions, wanted: Wanted): Promise<Built> {
  const { key, tags, buildTimeoutMs } = wanted;

  function found(text: string, stale = false): Built {
    events.found(owner, key, true, stale);
    return { text };
  }

  async function buildUnder(lease: string): Promise<Built> {
    let text: string | undefined;
    try {
      const message = () => ({ tenant: tenantIdOf(owner) });
      text = await events.building(trace('omnitenant:cache:build', message, () => inTime(wanted)));
    } finally {
      // A lease that cannot be released ends by itself.
      if (text === undefined) await store.release(owner, key, lease).catch(() => {});
    }
    if (text !== undefined) await store.keep(owner, key, lease, text, wanted);
    return { text };
  }

  async function findOrBuild(offer: (text: string) => void): Promise<Built> {
    const answer = await store.getOrLease(owner, key, { tags, ttlMs: buildTimeoutMs + leaseMarginMs });
    if ('text' in answer) return found(answer.text, answer.stale);
    events.found(owner, key, false);
    if (answer.stale !== undefined) offer(answer.stale);
    return buildUnder(answer.lease);
  }

  const { text, stale, joined } = await builds.joinOrStart(owner, key, { waitMs: wanted.waitMs, work: findOrBuild });
  return joined && text !== undefined ? found(text, stale) : { text };
}

/** @throws a DOMException named TimeoutError if the build takes too long, and aborts the signal with it. */
async function inTime({ key, build, buildTimeoutMs }: Wanted): Promise<string | undefined> {
  const controller = new AbortController();
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const error = new DOMException(`The build of "${key}" took longer than ${buildTimeoutMs} ms.`, 'TimeoutError');
    controller.abort(error);
    reject(error);
  }, buildTimeoutMs);
  try {
    return await Promise.race([build(controller.signal), late]);
  } finally {
    clearTimeout(timer);
  }
}
