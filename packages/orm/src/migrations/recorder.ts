import type { Ledger } from './ledger.ts';

/** Writes versions down, many tenants at a time. */
export interface Recorder {
  /** Keeps a tenant's version, to be written with others'. */
  add(id: string, version: string): Promise<void>;
  /** Writes what is left. */
  end(): Promise<void>;
}

/** How many tenants are written at a time. What a killed run had not written yet is found out again from their logs. */
const batch = 100;

export const recorder = (ledger: Pick<Ledger, 'record'>): Recorder => {
  let versions = new Map<string, string[]>();
  let count = 0;

  const end = async (): Promise<void> => {
    const all = versions;
    versions = new Map();
    count = 0;
    for (const [version, ids] of all) await ledger.record(ids, version);
  };

  return {
    async add(id, version) {
      const ids = versions.get(version);
      if (ids) ids.push(id);
      else versions.set(version, [id]);
      count += 1;
      if (count >= batch) await end();
    },
    end,
  };
};
