import type { Ledger } from './ledger.ts';

/** Writes versions down, many tenants at a time. */
export interface Recorder {
  /** Keeps a tenant's version, to be written with others' in a moment. */
  add(id: string, version: string): Promise<void>;
  /** Writes what is left. */
  end(): Promise<void>;
}

/** How many tenants are written at a time. What a killed run had not written yet is found out again from their logs. */
const batch = 100;

/** How long one waits for others, in milliseconds: until it is written down, a tenant may be refused as being behind. */
const soon = 200;

export function recorder(ledger: Pick<Ledger, 'record'>): Recorder {
  let versions = new Map<string, string[]>();
  let count = 0;
  let timer: NodeJS.Timeout | undefined;
  let written: Promise<void> = Promise.resolve();

  function write(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const all = versions;
    versions = new Map();
    count = 0;
    written = written.then(async () => {
      for (const [version, ids] of all) await ledger.record(ids, version);
    });
    // Whoever adds to a full batch, or ends, is told.
    written.catch(() => {});
    return written;
  }

  return {
    async add(id, version) {
      const ids = versions.get(version);
      if (ids) ids.push(id);
      else versions.set(version, [id]);
      count += 1;
      if (count >= batch) await write();
      else timer ??= setTimeout(() => void write(), soon);
    },
    end: write,
  };
}
