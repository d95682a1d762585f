import { TenancyError } from '@omnitenant/core';
import type { OrmPlacement } from '../placement/placement.ts';
import type { SqlClient } from '../sql/client.ts';
import { quoteName, quoteText } from '../sql/quote.ts';
import type { Pools } from './pools.ts';

/**
 * A connection of its own whose whole session is in a placement: for statements that run in no transaction, which no pin can
 * stand in front of. The placement is what the connection starts with; whoever has it releases it to be closed.
 *
 * @throws STATEMENT_REFUSED where there is a pooler in between.
 */
export async function openSession(pools: Pools, { role, ...placement }: OrmPlacement): Promise<SqlClient> {
  const path = quoteName(placement.schema);
  const options = [`-c search_path=${path}`, ...(role === undefined ? [] : [`-c role=${role}`])].join(' ');
  const client = await pools.connect({ ...placement, startup: options });
  // A pooler answers under a number of its own; behind one, the next statement may run in another session.
  const result = await client.query(
    `select current_setting('search_path') = ${quoteText(path)} and pg_backend_pid() = ${client.processID ?? 'null'} as settled`,
  );
  if (Array.isArray(result) || !result.rows[0]?.['settled']) {
    client.release(true);
    throw new TenancyError(
      'STATEMENT_REFUSED',
      'A migration that runs in no transaction needs a session of its own, and there is a pooler in between. ' +
        'Run it past the pooler: give the migrating process the URL of PostgreSQL itself.',
    );
  }
  return client;
}
