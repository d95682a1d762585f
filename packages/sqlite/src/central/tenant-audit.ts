import type { TenantAudit } from '@omnitenant/core/extend';
import { type AuditRow, asJson, toEntry } from '@omnitenant/orm/extend';
import type { CentralFile } from './central-file.ts';

/** The audit in central's file. */
export function fileAudit(central: CentralFile): TenantAudit {
  return {
    async append({ verb, tenant, actor, reason, call, outcome, before, after, error }) {
      const values = [verb, tenant ?? null, actor ?? null, reason ?? null, call, outcome];
      await central.write((session) =>
        session.run(
          'insert into audit (at, verb, tenant, actor, reason, call, outcome, before, after, error) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
          ...[Date.now(), ...values, asJson(before), asJson(after), asJson(error)],
        ),
      );
    },

    page: ({ tenant, since, after, order, limit }) =>
      central.read((session) => {
        const [compare, direction] = order === 'newest' ? ['<', 'desc'] : ['>', 'asc'];
        const rows = session.all<AuditRow>(
          `select * from audit where (? is null or tenant = ?) and (? is null or at >= ?) and (? is null or id ${compare} ?)
           order by id ${direction} limit ?`,
          ...twice(tenant ?? null),
          ...twice(since?.getTime() ?? null),
          ...twice(after === undefined ? null : Number(after)),
          limit,
        );
        return rows.map(toEntry);
      }),
  };
}

function twice<T>(value: T): readonly [T, T] {
  return [value, value];
}
