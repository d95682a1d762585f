import { TenancyError } from '@omnitenant/core';
import type { OrmPlacement } from '../placement/placement.ts';
import type { SqlClient } from '../sql/client.ts';
import { quoteName, quoteText } from '../sql/quote.ts';
import type { Pools } from './pools.ts';

/**
 * Opens a connection whose whole session is in a placement, for statements that run outside of a transaction, where no pin
 * can precede them. The placement is in the startup options of the connection; the caller releases it with `true`.
 *
 * @throws STATEMENT_REFUSED if a pooler is in between.
 */
export async function openSession(
  pools: Pools,
  { role, ...placement }: OrmPlacement,
  extensions?: string,
): Promise<SqlClient> {
  const path = [placement.schema, ...(extensions === undefined ? [] : [extensions])].map(quoteName).join(',');
  const options = [`-c search_path=${path}`, role === undefined ? '' : `-c role=${role}`].join(' ').trim();
  const client = await pools.connect({ ...placement, startup: options });
  // A pooler reports a process id of its own; behind one, the next statement may run in another session.
  const result = await client.query(
    `select current_setting('search_path') = ${quoteText(path)} and pg_backend_pid() = ${client.processID ?? 'null'} as settled`,
  );
  if (Array.isArray(result) || !result.rows[0]?.['settled']) {
    client.release(true);
    throw new TenancyError(
      'STATEMENT_REFUSED',
      'A migration outside a transaction needs its own session, but the connection goes through a pooler. ' +
        'Bypass the pooler: give the migrating process the direct URL of PostgreSQL.',
    );
  }
  return client;
}
