import { abandoned, type Operation, type TenantOperations } from '@omnitenant/core/extend';
import type { TenantEntityManager } from '../entities/entity-manager.ts';
import { asJson } from './as-json.ts';
import { operationTable } from './internal-tables.ts';

/** Operations in central, by the clock of its server. */
export function centralOperations(fork: () => TenantEntityManager, ready: () => Promise<unknown>): TenantOperations {
  const until = "clock_timestamp() + ? * interval '1 millisecond'";
  const columns = 'id, verb, tenant, actor, reason, digest, status, progress, result, error, started_at, ended_at';

  async function execute<Row extends object>(sql: string, parameters: readonly unknown[]): Promise<Row[]> {
    await ready();
    return fork().execute<Row[]>(sql, [...parameters]);
  }

  /** Marks as failed what nobody has renewed in time, so that it stays so. */
  async function failAbandoned(): Promise<void> {
    await execute(
      `update ${operationTable} set status = 'failed', error = ?::jsonb, ended_at = ends_at
       where status = 'running' and ends_at < clock_timestamp()`,
      [JSON.stringify(abandoned)],
    );
  }

  return {
    async begin({ id, verb, tenant, actor, reason, key, digest, holder }, termMs) {
      const begun = await execute<OperationRow>(
        `insert into ${operationTable} (id, verb, tenant, actor, reason, key, digest, holder, status, ends_at)
         values (?, ?, ?, ?, ?, ?, ?, ?, 'running', ${until}) on conflict (actor, key) do nothing returning ${columns}`,
        [id, verb, tenant ?? null, actor, reason ?? null, key ?? null, digest, holder, termMs],
      );
      if (begun[0]) return operationOf(begun[0]);
      await failAbandoned();
      const where = 'actor = ? and key = ?';
      const earlier = await execute<OperationRow>(`select ${columns} from ${operationTable} where ${where}`, [
        actor,
        key,
      ]);
      return operationOf(earlier[0] as OperationRow);
    },

    async renew(id, holder, termMs, progress) {
      const renewed = await execute(
        `update ${operationTable} set ends_at = ${until}, progress = coalesce(?::jsonb, progress)
         where id = ? and holder = ? and status = 'running' and ends_at >= clock_timestamp() returning id`,
        [termMs, progress ? JSON.stringify(progress) : null, id, holder],
      );
      return renewed.length > 0;
    },

    async end(id, holder, outcome) {
      const { result, error } = { error: undefined, ...outcome };
      const ended = await execute(
        `update ${operationTable} set status = ?, result = ?::jsonb, error = ?::jsonb, ended_at = clock_timestamp()
         where id = ? and holder = ? and status = 'running' and ends_at >= clock_timestamp() returning id`,
        [outcome.status, asJson(result), asJson(error), id, holder],
      );
      return ended.length > 0;
    },

    async find(id) {
      await failAbandoned();
      const rows = await execute<OperationRow>(`select ${columns} from ${operationTable} where id = ?`, [id]);
      return rows[0] && operationOf(rows[0]);
    },

    async page({ tenant, after, limit }) {
      await failAbandoned();
      const rows = await execute<OperationRow>(
        `select ${columns} from ${operationTable} where (?::text is null or tenant = ?)
           and (?::text is null or number < (select number from ${operationTable} where id = ?))
         order by number desc limit ?`,
        [tenant ?? null, tenant ?? null, after ?? null, after ?? null, limit],
      );
      return rows.map(operationOf);
    },

    async forget(endedForMs, limit) {
      const forgotten = await execute(
        `delete from ${operationTable} where id in (
           select id from ${operationTable} where ended_at <= clock_timestamp() - ? * interval '1 millisecond' order by number limit ?
         ) returning id`,
        [endedForMs, limit],
      );
      return forgotten.length;
    },
  };
}

interface OperationRow {
  readonly started_at: Date;
  readonly ended_at: Date | null;
  readonly [column: string]: unknown;
}

/** The operation, without what it does not have. */
function operationOf({ started_at, ended_at, ...row }: OperationRow): Operation {
  const given = Object.entries(row).filter(([, value]) => value !== null);
  const known = Object.fromEntries(given) as unknown as Omit<Operation, 'startedAt' | 'endedAt'>;
  return { ...known, startedAt: new Date(started_at), ...(ended_at && { endedAt: new Date(ended_at) }) };
}
