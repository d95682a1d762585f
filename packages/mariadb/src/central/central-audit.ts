import type { TenantAudit } from '@omnitenant/core/extend';
import { type AuditRow, asJson, toEntry } from '@omnitenant/orm/extend';
import type { Admin } from './admin.ts';
import { now } from './central-tables.ts';

/** The audit in central. */
export function centralAudit(admin: Admin): TenantAudit {
  return {
    async append({ verb, tenant, actor, reason, call, outcome, before, after, error }) {
      await admin.run(
        `insert into audit (at, verb, tenant, actor, reason, \`call\`, outcome, \`before\`, \`after\`, error)
         values (${now}, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        ...[verb, tenant ?? null, actor ?? null, reason ?? null, call, outcome],
        ...[asJson(before), asJson(after), asJson(error)],
      );
    },

    async page({ tenant, since, after, order, limit }) {
      const [compare, direction] = order === 'newest' ? ['<', 'desc'] : ['>', 'asc'];
      const rows = await admin.all<AuditRow>(
        `select * from audit where (? is null or tenant = ?) and (? is null or at >= ?) and (? is null or id ${compare} ?)
         order by id ${direction} limit ?`,
        ...twice(tenant ?? null),
        ...twice(since?.getTime() ?? null),
        ...twice(after === undefined ? null : Number(after)),
        limit,
      );
      return rows.map(toEntry);
    },
  };
}

function twice<T>(value: T): readonly [T, T] {
  return [value, value];
}
