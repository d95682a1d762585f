import { abandoned, type Operation, type TenantOperations } from './operations.ts';

interface Kept {
  readonly operation: Operation;
  readonly holder: string;
  readonly key: string | undefined;
  readonly endsAt: number;
}

/** Operations in this process, for the stores of tests. */
export function memoryOperations(): TenantOperations {
  const all = new Map<string, Kept>();

  function read(id: string): Kept | undefined {
    const kept = all.get(id);
    if (kept === undefined || kept.operation.status !== 'running' || kept.endsAt > performance.now()) return kept;
    const operation: Operation = { ...kept.operation, status: 'failed', error: abandoned, endedAt: new Date() };
    all.set(id, { ...kept, operation });
    return all.get(id);
  }

  function held(id: string, holder: string): Kept | undefined {
    const kept = read(id);
    return kept?.holder === holder && kept.operation.status === 'running' ? kept : undefined;
  }

  return {
    async begin({ holder, key, ...draft }, termMs) {
      const isSame = (kept: Kept) => kept.key === key && kept.operation.actor === draft.actor;
      const earlier = key === undefined ? undefined : [...all.values()].find(isSame);
      if (earlier) return read(earlier.operation.id)?.operation as Operation;
      const operation: Operation = { ...draft, status: 'running', startedAt: new Date() };
      all.set(draft.id, { operation, holder, key, endsAt: performance.now() + termMs });
      return operation;
    },

    async renew(id, holder, termMs, progress) {
      const kept = held(id, holder);
      if (kept === undefined) return false;
      const operation = progress === undefined ? kept.operation : { ...kept.operation, progress };
      all.set(id, { ...kept, operation, endsAt: performance.now() + termMs });
      return true;
    },

    async end(id, holder, outcome) {
      const kept = held(id, holder);
      if (kept === undefined) return false;
      all.set(id, { ...kept, operation: { ...kept.operation, ...outcome, endedAt: new Date() } });
      return true;
    },

    async find(id) {
      return read(id)?.operation;
    },

    async page({ tenant, after, limit }) {
      const ids = [...all.keys()].toReversed();
      const from = after === undefined ? 0 : ids.indexOf(after) + 1;
      const found = ids.slice(from).map((id) => read(id)?.operation as Operation);
      return found.filter((operation) => tenant === undefined || operation.tenant === tenant).slice(0, limit);
    },

    async forget(endedForMs, limit) {
      const isOld = (id: string) => Date.now() - (read(id)?.operation.endedAt?.getTime() ?? Infinity) >= endedForMs;
      const old = [...all.keys()].filter(isOld).slice(0, limit);
      for (const id of old) all.delete(id);
      return old.length;
    },
  };
}
