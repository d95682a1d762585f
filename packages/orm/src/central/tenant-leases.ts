import { leaseLost, type TenantLease, type TenantLeases } from '@omnitenant/core/extend';
import type { TenantEntityManager } from '../entities/entity-manager.ts';
import { leaseTable } from './internal-tables.ts';

/** Leases in central, by the clock of its server. Each call is one statement, so that they pass any pooler. */
export function centralLeases(fork: () => TenantEntityManager, ready: () => Promise<unknown>): TenantLeases {
  const until = "clock_timestamp() + ? * interval '1 millisecond'";

  async function execute<Row extends object>(sql: string, parameters: readonly unknown[]): Promise<Row[]> {
    await ready();
    return fork().execute<Row[]>(sql, [...parameters]);
  }

  return {
    async take(id, { holder, verb }, termMs) {
      const taken = await execute<TenantLease>(
        `insert into ${leaseTable} as lease (id, holder, verb, ends_at) values (?, ?, ?, ${until})
         on conflict (id) do update set holder = excluded.holder, verb = excluded.verb, ends_at = excluded.ends_at
         where lease.ends_at < clock_timestamp() returning holder, verb`,
        [id, holder, verb, termMs],
      );
      if (taken[0]) return taken[0];
      const inForce = await execute<TenantLease>(`select holder, verb from ${leaseTable} where id = ?`, [id]);
      // Released between the two statements: the caller asks again.
      return inForce[0] ?? { holder: '', verb };
    },

    async renew(id, holder, termMs) {
      const renewed = await execute(
        `update ${leaseTable} set ends_at = ${until} where id = ? and holder = ? returning id`,
        [termMs, id, holder],
      );
      return renewed.length > 0;
    },

    async release(id, holder) {
      await execute(`delete from ${leaseTable} where id = ? and holder = ?`, [id, holder]);
    },
  };
}

/**
 * Keeps the lease with its holder until the end of the transaction.
 *
 * @throws TENANT_BUSY if another process has taken it over.
 */
export async function keepLease(em: TenantEntityManager, id: string, holder: string): Promise<void> {
  const held = await em.execute<object[]>(`select id from ${leaseTable} where id = ? and holder = ? for share`, [
    id,
    holder,
  ]);
  if (held.length === 0) throw leaseLost(id);
}
