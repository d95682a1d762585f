import type { EntityMetadata } from '@mikro-orm/core';
import type { Tenant } from '@omnitenant/core';
import type { TenantEntityManager } from '../entities/entity-manager.ts';
import { columnOf, tableOf } from './entity-tables.ts';
import { leaseTable } from './internal-tables.ts';
import type { TenantEntity } from './tenant-entity.ts';

/** Leases of many tenants with one holder, each call one statement. */
export interface RunLeases {
  /**
   * Takes the leases that nobody has. What is in the answer is leased: `held`, `gone` where the tenant is not there any more in
   * one of the states, or `locked` where a transaction that holds its record keeps that from being known.
   */
  take(
    holder: string,
    tenants: readonly Pick<Tenant, 'id' | 'createdAt'>[],
    termMs: number,
  ): Promise<Map<string, 'held' | 'gone' | 'locked'>>;
  /** Prolongs all leases of the holder, and returns whose they are. */
  renew(holder: string, termMs: number): Promise<readonly string[]>;
  release(holder: string, ids: readonly string[]): Promise<void>;
}

/** The parts of the leases of a run. */
export interface RunLeasesOptions {
  readonly fork: () => TenantEntityManager;
  readonly ready: () => Promise<unknown>;
  readonly tenant: EntityMetadata<TenantEntity>;
  readonly states: readonly string[];
}

/** Whoever loses a lease with a server that crashes finds that out as after any other loss, so no commit has to reach the disk. */
const unsynced = "set_config('synchronous_commit', 'off', true) as unsynced";

/** Rows are locked in the order of their ids, so that two runs never wait for each other. */
export function runLeases({ fork, ready, tenant, states }: RunLeasesOptions): RunLeases {
  const until = "clock_timestamp() + ? * interval '1 millisecond'";
  const table = tableOf(tenant);

  function column(property: 'id' | 'createdAt' | 'status'): string {
    return `tenant.${columnOf(tenant, property)}`;
  }

  async function execute<Row extends object>(sql: string, parameters: readonly unknown[]): Promise<Row[]> {
    await ready();
    return fork().execute<Row[]>(sql, [...parameters]);
  }

  return {
    async take(holder, tenants, termMs) {
      const isState = `${column('status')} in (${states.map(() => '?').join(', ')})`;
      // What a verb has changed that held the lease before is seen, because locking a row reads it as it is then.
      const rows = await execute<{ id: string; found: 'held' | 'gone' | 'locked' }>(
        `with asked (id, created_at) as (values ${tenants.map(() => '(?, ?::timestamptz)').join(', ')}),
         taken as (
           insert into ${leaseTable} as lease (id, holder, verb, ends_at)
           select id, ?, 'migrate', ${until} from asked order by id
           on conflict (id) do update set holder = excluded.holder, verb = excluded.verb, ends_at = excluded.ends_at
           where lease.ends_at < clock_timestamp() returning id
         ),
         candidates as (
           select ${column('id')} as id from taken join asked using (id)
           join ${table} as tenant on ${column('id')} = asked.id and ${column('createdAt')} = asked.created_at where ${isState}
         ),
         unlocked as (
           select ${column('id')} as id from candidates join ${table} as tenant on ${column('id')} = candidates.id
           where ${isState} for share of tenant skip locked
         )
         select taken.id, ${unsynced},
           case when unlocked.id is not null then 'held' when candidates.id is not null then 'locked' else 'gone' end as found
         from taken left join candidates using (id) left join unlocked using (id)`,
        [
          ...tenants.flatMap(({ id, createdAt }) => [id, createdAt.toISOString()]),
          holder,
          termMs,
          ...states,
          ...states,
        ],
      );
      return new Map(rows.map(({ id, found }) => [id, found]));
    },

    async renew(holder, termMs) {
      const rows = await execute<{ id: string }>(
        `with mine as (select id from ${leaseTable} where holder = ? order by id for update)
         update ${leaseTable} as lease set ends_at = ${until} from mine where lease.id = mine.id returning lease.id`,
        [holder, termMs],
      );
      return rows.map(({ id }) => id);
    },

    async release(holder, ids) {
      await execute(
        `with mine as (
           select id from ${leaseTable} where id in (${ids.map(() => '?').join(', ')}) and holder = ? order by id for update
         )
         delete from ${leaseTable} as lease using mine where lease.id = mine.id returning ${unsynced}`,
        [...ids, holder],
      );
    },
  };
}
