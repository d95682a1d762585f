import type { AuditEntry, TenantAudit } from './audit.ts';

/** More entries than that are not kept. */
const kept = 10_000;

/** An audit in this process, for the stores of tests. */
export function memoryAudit(): TenantAudit {
  const entries: AuditEntry[] = [];
  let last = 0;

  return {
    async append(draft) {
      last += 1;
      entries.push(Object.freeze({ ...structuredClone(draft), id: String(last), at: new Date() }));
      if (entries.length > kept) entries.shift();
    },

    async page({ tenant, since, after, order, limit }) {
      const isNewest = order === 'newest';
      const follows = (id: number) => after === undefined || (isNewest ? id < Number(after) : id > Number(after));
      const fits = (entry: AuditEntry) =>
        follows(Number(entry.id)) &&
        (tenant === undefined || entry.tenant === tenant) &&
        (since === undefined || entry.at >= since);
      return (isNewest ? entries.toReversed() : entries).filter(fits).slice(0, limit);
    },
  };
}
