import type { AuditEntry, AuditOutcome, TenantAudit } from '@omnitenant/core/extend';
import type { TenantEntityManager } from '../entities/entity-manager.ts';
import { asJson } from './as-json.ts';
import { auditTable } from './internal-tables.ts';

/** The audit in central, whose table refuses every change but new rows. */
export function centralAudit(fork: () => TenantEntityManager, ready: () => Promise<unknown>): TenantAudit {
  return {
    async append({ verb, tenant, actor, reason, call, outcome, before, after, error }) {
      await ready();
      const values = [verb, tenant, actor, reason, call, outcome].map((value) => value ?? null);
      await fork().execute(
        `insert into ${auditTable} (verb, tenant, actor, reason, call, outcome, before, after, error)
         values (?, ?, ?, ?, ?, ?, ?::jsonb, ?::jsonb, ?::jsonb)`,
        [...values, asJson(before), asJson(after), asJson(error)],
      );
    },

    async page({ tenant, since, after, order, limit }) {
      await ready();
      const [follows, direction] = order === 'newest' ? ['<', 'desc'] : ['>', 'asc'];
      const rows = await fork().execute<AuditRow[]>(
        `select id::text, at, verb, tenant, actor, reason, call, outcome, before, after, error from ${auditTable}
         where (?::text is null or tenant = ?) and (?::timestamptz is null or at >= ?) and (?::bigint is null or id ${follows} ?)
         order by ${auditTable}.id ${direction} limit ?`,
        [tenant ?? null, tenant ?? null, since ?? null, since ?? null, after ?? null, after ?? null, limit],
      );
      return rows.map(entryOf);
    },
  };
}

interface AuditRow {
  readonly id: string;
  readonly at: Date;
  readonly verb: string;
  readonly outcome: AuditOutcome;
  readonly call: string;
  readonly [column: string]: unknown;
}

/** The entry, without what was not given. */
function entryOf({ at, ...row }: AuditRow): AuditEntry {
  const given = Object.entries(row).filter(([, value]) => value !== null);
  return { ...(Object.fromEntries(given) as Omit<AuditEntry, 'at'>), at: new Date(at) };
}
