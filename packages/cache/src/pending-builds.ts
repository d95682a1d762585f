import { AsyncLocalStorage } from 'node:async_hooks';
import type { Owner } from './stores/owner.ts';

/** A text, which is `undefined` if the build gave nothing to keep. */
export interface Built {
  readonly text: string | undefined;
  /** Whether its time to live is over, and the next is being built. */
  readonly stale?: boolean;
}

/** The values that this process is building, so that callers who ask meanwhile share one build. */
export interface PendingBuilds {
  /**
   * Joins the pending build of the key, or starts `work`. A build is joined until it has taken `waitMs`; then, and where it
   * failed or waits for the caller itself, the caller starts its own. With `offer`, a build gives a text to those who have joined
   * it while it goes on.
   *
   * @throws an Error if the caller is a part of a build of this key.
   */
  joinOrStart(owner: Owner, key: string, options: StartOptions): Promise<Joined>;
  /** Lets nobody else join the pending builds of the key, or of all keys: the owner's entries have changed. */
  forget(owner: Owner, key?: string): void;
}

/** How to build, and how long to wait for somebody else who does. */
interface StartOptions {
  readonly waitMs: number;
  readonly work: (offer: (text: string) => void) => Promise<Built>;
}

/** What was built, and whether by another caller. */
interface Joined extends Built {
  readonly joined: boolean;
}

interface Build {
  readonly of: PendingBuilds;
  readonly owner: Owner;
  readonly key: string;
  readonly startedAt: number;
  /** The build that this one is a part of. */
  readonly parent: Build | undefined;
  /** The builds that this one waits for: its own parts, and those of others that it has joined. */
  readonly waitsFor: Set<Build>;
  readonly offered: PromiseWithResolvers<Built>;
  result: Promise<Built>;
  ended: boolean;
}

/** The build that the code runs in. It says nothing of tenants or scopes: those are in core's context. */
const storage = new AsyncLocalStorage<Build>();

/** The pending builds of one cache. */
export function createPendingBuilds(): PendingBuilds {
  const pending = new Map<Owner, Map<string, Build>>();

  function forget(owner: Owner, key?: string): void {
    const own = pending.get(owner);
    if (key !== undefined) own?.delete(key);
    if (key === undefined || own?.size === 0) pending.delete(owner);
  }

  function forgetBuild(build: Build): void {
    if (pending.get(build.owner)?.get(build.key) === build) forget(build.owner, build.key);
  }

  /** The pending build of the key, unless it waits for the caller. */
  function joinable(owner: Owner, key: string): Build | undefined {
    const caller = storage.getStore();
    const build = pending.get(owner)?.get(key);
    return build !== undefined && caller !== undefined && leadsTo(build, caller) ? undefined : build;
  }

  async function start(owner: Owner, key: string, work: StartOptions['work']): Promise<Built> {
    const parent = storage.getStore();
    const offered = Promise.withResolvers<Built>();
    const startedAt = performance.now();
    const build: Build = {
      ...{ of: builds, owner, key, startedAt, parent, waitsFor: new Set(), offered, ended: false },
      result: offered.promise,
    };
    build.result = storage.run(build, () => work((text) => offered.resolve({ text, stale: true })));
    const own = pending.get(owner) ?? new Map<string, Build>();
    pending.set(owner, own.set(key, build));
    parent?.waitsFor.add(build);
    try {
      return await build.result;
    } finally {
      build.ended = true;
      parent?.waitsFor.delete(build);
      forgetBuild(build);
    }
  }

  const builds: PendingBuilds = {
    forget,

    async joinOrStart(owner, key, { waitMs, work }) {
      refuseNested(builds, owner, key);
      // If the first fails or takes too long, another who waited for it may have begun the second.
      for (const isLast of [false, true]) {
        const build = joinable(owner, key);
        if (build === undefined) break;
        const outcome = await outcomeOf(build, waitMs);
        if (outcome === 'late') forgetBuild(build);
        else if ('text' in outcome) return { ...outcome, joined: true };
        else if (isLast) throw outcome.error;
      }
      return { ...(await start(owner, key, work)), joined: false };
    },
  };
  return builds;
}

/** @throws an Error if the code that runs is a part of a build of this key: it would wait for itself. */
function refuseNested(of: PendingBuilds, owner: Owner, key: string): void {
  const path = [key];
  for (let build = storage.getStore(); build !== undefined && !build.ended; build = build.parent) {
    path.unshift(build.key);
    if (build.of === of && build.owner === owner && build.key === key) {
      throw new Error(`The build of "${key}" waits for itself: ${path.map((one) => `"${one}"`).join(' → ')}.`);
    }
  }
}

/** Whether the build waits for another, over however many. */
function leadsTo(from: Build, to: Build, seen: Set<Build> = new Set()): boolean {
  if (from === to) return true;
  if (seen.has(from)) return false;
  seen.add(from);
  return [...from.waitsFor].some((next) => leadsTo(next, to, seen));
}

async function outcomeOf(build: Build, waitMs: number): Promise<Built | { readonly error: unknown } | 'late'> {
  const caller = storage.getStore();
  const { promise: late, resolve } = Promise.withResolvers<'late'>();
  const timer = setTimeout(resolve, Math.max(0, build.startedAt + waitMs - performance.now()), 'late');
  caller?.waitsFor.add(build);
  try {
    return await Promise.race([build.result, build.offered.promise, late]);
  } catch (error) {
    return { error };
  } finally {
    clearTimeout(timer);
    caller?.waitsFor.delete(build);
  }
}
