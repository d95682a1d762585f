import type { JobType, RedisQueueBackend } from 'bullmq';
import type { Owner } from '../jobs/owner.ts';
import { callIndex } from './job-index.ts';

type State = 'waiting' | 'prioritized' | 'delayed' | 'waiting-children' | 'active' | 'completed' | 'failed';

const pageSize = 500;
const finishedStates: readonly State[] = ['completed', 'failed'];

/** Reads a tenant's jobs from the index: pages of ids and states, in the order in which the jobs were added or finished. */
async function* pages(
  backend: RedisQueueBackend,
  owner: Owner,
  set: 'pending' | 'finished',
  descending: boolean,
): AsyncIterable<readonly (readonly [string, State])[]> {
  for (let start = 0; ; ) {
    const reply = await callIndex(backend, set, owner, start, pageSize, descending ? 1 : 0);
    const [read, found] = reply as [number, string[]];
    const page: [string, State][] = [];
    for (let n = 0; n < found.length; n += 2) page.push([found[n] as string, found[n + 1] as State]);
    yield page;
    if (read < pageSize) return;
    // The pending jobs that turned out to be finished have left the set.
    start += set === 'pending' ? page.length : read;
  }
}

function setsOf(states: ReadonlySet<State>): ('pending' | 'finished')[] {
  const sets: ('pending' | 'finished')[] = [];
  if ([...states].some((state) => !finishedStates.includes(state))) sets.push('pending');
  if (finishedStates.some((state) => states.has(state))) sets.push('finished');
  return sets;
}

/** Which jobs of each type; an `end` of -1 is the last. */
export interface Range {
  readonly start: number;
  readonly end: number;
  readonly ascending: boolean;
}

/** The ids of a tenant's jobs of each type, from `start` to `end` of that type, as BullMQ's `getRanges`. */
export async function idsOfTenant(
  backend: RedisQueueBackend,
  owner: Owner,
  types: readonly JobType[],
  { start, end, ascending }: Range,
): Promise<string[]> {
  const wanted = new Map<State, string[]>(types.map((type) => [stateOf(type), []]));
  const enough = start >= 0 && end >= 0 ? end + 1 : Number.POSITIVE_INFINITY;
  for (const set of setsOf(new Set(wanted.keys()))) {
    const inSet = [...wanted].filter(([state]) => finishedStates.includes(state) === (set === 'finished'));
    for await (const page of pages(backend, owner, set, !ascending)) {
      for (const [id, state] of page) wanted.get(state)?.push(id);
      if (inSet.every(([, ids]) => ids.length >= enough)) break;
    }
  }
  return [...wanted.values()].flatMap((ids) => ids.slice(start, end === -1 ? undefined : end + 1));
}

/** The number of a tenant's jobs of each type. */
export async function countsOfTenant(
  backend: RedisQueueBackend,
  owner: Owner,
  types: readonly JobType[],
): Promise<Record<string, number>> {
  const counts = new Map<State, number>(types.map((type) => [stateOf(type), 0]));
  for (const set of setsOf(new Set(counts.keys()))) {
    for await (const page of pages(backend, owner, set, false)) {
      for (const [, state] of page) if (counts.has(state)) counts.set(state, (counts.get(state) ?? 0) + 1);
    }
  }
  return Object.fromEntries(types.map((type) => [type, counts.get(stateOf(type)) ?? 0]));
}

/** All ids of a tenant's jobs. */
export async function* allIdsOfTenant(backend: RedisQueueBackend, owner: Owner): AsyncIterable<string[]> {
  for (const set of ['pending', 'finished'] as const) {
    for await (const page of pages(backend, owner, set, false)) yield page.map(([id]) => id);
  }
}

function stateOf(type: JobType): State {
  return type === 'wait' ? 'waiting' : (type as State);
}
