import type { OrmPlacement } from '../../placement/placement.ts';
import { rowRoles } from '../../placement/shared-tables.ts';
import type { PinnedPool } from '../../session/pinned-pool.ts';
import type { SqlClient } from '../../sql/client.ts';
import { RowMigrationClient } from './migration-client.ts';

/** The pool that the migrations of a shared schema run on. */
export function rowMigrationPool(
  placement: OrmPlacement,
  set: () => Promise<{ readonly logTable: string }>,
  open: (placement: OrmPlacement) => Promise<SqlClient>,
  extensions?: string,
): PinnedPool {
  const connect = async () => {
    const { logTable } = await set();
    return new RowMigrationClient(await open(placement), { placement, logTable, extensions });
  };
  return {
    options: {},
    connect,
    async send(statement) {
      const client = await connect();
      try {
        return await client.query(typeof statement === 'string' ? statement : statement.sql);
      } finally {
        client.release();
      }
    },
    end: async () => {},
  };
}

/** A dedicated connection for what a migration runs outside of a transaction. */
export async function rowMigrationSession(
  placement: OrmPlacement,
  set: () => Promise<{ readonly logTable: string }>,
  open: (placement: OrmPlacement) => Promise<SqlClient>,
  extensions?: string,
): Promise<SqlClient> {
  const { logTable } = await set();
  const client = await open({ ...placement, role: rowRoles(placement).owner });
  return new RowMigrationClient(client, { placement, logTable, extensions, mayLeaveTransaction: true });
}
