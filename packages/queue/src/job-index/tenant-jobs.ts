import type { JobType, RedisQueueBackend } from 'bullmq';
import type { Owner } from '../jobs/owner.ts';
import { callIndex } from './job-index.ts';

type State = 'waiting' | 'prioritized' | 'delayed' | 'waiting-children' | 'active' | 'completed' | 'failed';

const pageSize = 1_000;

interface IndexedJob {
  readonly id: string;
  readonly state: State;
  readonly finishedOn: number;
}

/** Which jobs are read: those that are finished, those that are not, or both. */
interface Which {
  readonly finished: boolean;
  readonly pending: boolean;
}

/** Reads a tenant's jobs from the index, page by page, in the order in which they were added. */
async function* pages(
  backend: RedisQueueBackend,
  owner: Owner,
  { finished, pending }: Which,
  descending = false,
): AsyncIterable<readonly IndexedJob[]> {
  for (let start = 0; ; ) {
    const flags = [descending, finished, pending].map(Number);
    const reply = await callIndex(backend, 'page', owner, start, pageSize, ...flags);
    const [read, gone, found] = reply as [number, number, string[]];
    const page: IndexedJob[] = [];
    for (let n = 0; n < found.length; n += 3) {
      page.push({ id: found[n] as string, state: found[n + 1] as State, finishedOn: Number(found[n + 2]) });
    }
    yield page;
    if (read < pageSize) return;
    start += read - gone;
  }
}

function isFinished(state: State): boolean {
  return state === 'completed' || state === 'failed';
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
  const wanted = new Map<State, IndexedJob[]>(types.map((type) => [stateOf(type), []]));
  const states = [...wanted.keys()];
  const finished = states.some(isFinished);
  const pending = !states.every(isFinished);
  const enough = !finished && start >= 0 && end >= 0 ? end + 1 : Number.POSITIVE_INFINITY;
  for await (const page of pages(backend, owner, { finished, pending }, !ascending)) {
    for (const job of page) wanted.get(job.state)?.push(job);
    if ([...wanted.values()].every((jobs) => jobs.length >= enough)) break;
  }
  return [...wanted].flatMap(([state, jobs]) => {
    if (isFinished(state)) jobs.sort((one, other) => (one.finishedOn - other.finishedOn) * (ascending ? 1 : -1));
    return jobs.slice(start, end === -1 ? undefined : end + 1).map(({ id }) => id);
  });
}

/** The number of a tenant's jobs of each type. */
export async function countsOfTenant(
  backend: RedisQueueBackend,
  owner: Owner,
  types: readonly JobType[],
): Promise<Record<string, number>> {
  const counts = new Map<State, number>(types.map((type) => [stateOf(type), 0]));
  const states = [...counts.keys()];
  const which = { finished: states.some(isFinished), pending: !states.every(isFinished) };
  for await (const page of pages(backend, owner, which)) {
    for (const { state } of page) if (counts.has(state)) counts.set(state, (counts.get(state) ?? 0) + 1);
  }
  return Object.fromEntries(types.map((type) => [type, counts.get(stateOf(type)) ?? 0]));
}

/** All ids of a tenant's jobs. */
export async function* allIdsOfTenant(backend: RedisQueueBackend, owner: Owner): AsyncIterable<string[]> {
  for await (const page of pages(backend, owner, { finished: true, pending: true })) yield page.map(({ id }) => id);
}

function stateOf(type: JobType): State {
  return type === 'wait' ? 'waiting' : (type as State);
}
