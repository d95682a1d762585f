import type { Operation, TenantOperations } from '@omnitenant/core/extend';
import { asJson, type OperationRow, toOperation } from '@omnitenant/orm/extend';
import type { Admin, AdminSession } from './admin.ts';
import { now } from './central-tables.ts';

/** Operations in central, by the clock of the server. */
export function centralOperations(admin: Admin): TenantOperations {
  return {
    async begin(draft, termMs) {
      const { id, verb, tenant, actor, reason, key, digest, holder } = draft;
      // Of the same request twice, the second one leaves the first as it is.
      await admin.run(
        `insert into operation (id, verb, tenant, actor, reason, request, digest, holder, status, started_at, ends_at)
         values (?, ?, ?, ?, ?, ?, ?, ?, 'running', ${now}, ${now} + ?) on duplicate key update number = number`,
        ...[id, verb, tenant ?? null, actor, reason ?? null, key ?? null, digest, holder, termMs],
      );
      const begun = await one(admin, 'id = ?', id);
      return (begun ?? (await one(admin, 'actor = ? and request = ?', actor, key ?? ''))) as Operation;
    },

    renew: async (id, holder, termMs, progress) =>
      (await admin.run(
        `update operation set ends_at = ${now} + ?, progress = coalesce(?, progress) where ${isHeld}`,
        ...[termMs, asJson(progress), id, holder],
      )) > 0,

    async end(id, holder, outcome) {
      const error = outcome.status === 'failed' ? asJson(outcome.error) : null;
      const changed = await admin.run(
        `update operation set ended_at = ${now}, result = ?, error = ?, status = ? where ${isHeld}`,
        ...[asJson(outcome.result), error, outcome.status, id, holder],
      );
      return changed > 0;
    },

    find: (id) => one(admin, 'id = ?', id),

    async page({ tenant, after, limit }) {
      const rows = await admin.all<TimedRow>(
        `${select} where (? is null or tenant = ?)
         and number < coalesce((select number from operation where id = ?), 9007199254740991) order by number desc limit ?`,
        ...[tenant ?? null, tenant ?? null, after ?? null, limit],
      );
      return rows.map(toTimed);
    },

    // One that nobody has renewed in time has ended then.
    forget: (endedForMs, limit) =>
      admin.run(
        `delete from operation where coalesce(ended_at, ends_at) <= ${now} - ? and (status <> 'running' or ends_at <= ${now}) order by number limit ?`,
        endedForMs,
        limit,
      ),
  };
}

type TimedRow = OperationRow & { readonly read_at: number };

const select = `select *, ${now} as read_at from operation`;
const isHeld = `id = ? and holder = ? and status = 'running' and ends_at > ${now}`;

async function one(session: AdminSession, where: string, ...values: readonly string[]): Promise<Operation | undefined> {
  const row = await session.get<TimedRow>(`${select} where ${where}`, ...values);
  return row && toTimed(row);
}

function toTimed({ read_at, ...row }: TimedRow): Operation {
  return toOperation(row, read_at);
}
