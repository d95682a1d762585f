import type { Operation, TenantOperations } from '@omnitenant/core/extend';
import { asJson, type OperationRow, toOperation } from '@omnitenant/orm/extend';
import type { CentralFile, CentralSession } from './central-file.ts';

/** Operations in central's file. */
export function fileOperations(central: CentralFile): TenantOperations {
  return {
    begin: (draft, termMs) =>
      central.write((session) => {
        const { id, verb, tenant, actor, reason, key, digest, holder } = draft;
        const earlier = key === undefined ? undefined : one(session, 'actor = ? and key = ?', actor, key);
        if (earlier !== undefined) return earlier;
        const now = Date.now();
        session.run(
          `insert into operation (id, verb, tenant, actor, reason, key, digest, holder, status, started_at, ends_at)
           values (?, ?, ?, ?, ?, ?, ?, ?, 'running', ?, ?)`,
          ...[id, verb, tenant ?? null, actor, reason ?? null, key ?? null, digest, holder, now, now + termMs],
        );
        return one(session, 'id = ?', id) as Operation;
      }),

    renew: (id, holder, termMs, progress) =>
      central.write((session) => {
        const now = Date.now();
        const changed = session.run(
          `update operation set ends_at = ?, progress = coalesce(?, progress) where ${isHeld}`,
          ...[now + termMs, asJson(progress), id, holder, now],
        );
        return changed > 0;
      }),

    end: (id, holder, outcome) =>
      central.write((session) => {
        const error = outcome.status === 'failed' ? asJson(outcome.error) : null;
        const now = Date.now();
        const changed = session.run(
          `update operation set status = ?, result = ?, error = ?, ended_at = ? where ${isHeld}`,
          ...[outcome.status, asJson(outcome.result), error, now, id, holder, now],
        );
        return changed > 0;
      }),

    find: (id) => central.read((session) => one(session, 'id = ?', id)),

    page: ({ tenant, after, limit }) =>
      central.read((session) =>
        session
          .all<OperationRow>(
            `select * from operation where (? is null or tenant = ?)
             and number < coalesce((select number from operation where id = ?), 9007199254740991) order by number desc limit ?`,
            ...[tenant ?? null, tenant ?? null, after ?? null, limit],
          )
          .map((row) => toOperation(row, Date.now())),
      ),

    forget: (endedForMs, limit) =>
      central.write((session) => {
        const now = Date.now();
        // One that nobody has renewed in time has ended then.
        return session.run(
          `delete from operation where number in (
             select number from operation where coalesce(ended_at, ends_at) <= ? and (status <> 'running' or ends_at <= ?) order by number limit ?
           )`,
          ...[now - endedForMs, now, limit],
        );
      }),
  };
}

const isHeld = "id = ? and holder = ? and status = 'running' and ends_at > ?";

function one(session: CentralSession, where: string, ...values: readonly string[]): Operation | undefined {
  const row = session.get<OperationRow>(`select * from operation where ${where}`, ...values);
  return row && toOperation(row, Date.now());
}
