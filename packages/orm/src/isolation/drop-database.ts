import type { Pools } from '../connections/pools.ts';
import type { Database } from '../sql/client.ts';
import { codeOf, sqlState } from '../sql/error-codes.ts';
import { quoteName } from '../sql/quote.ts';

/**
 * Drops a database, if it is there, with the connections to it. A login that is no superuser may not end those of a superuser, and autovacuum is
 * one: without `force`, PostgreSQL ends autovacuum by itself, and waits for others to leave for some seconds.
 */
export async function dropDatabase(pools: Pools, server: Database, database: string): Promise<void> {
  const drop = `drop database if exists ${quoteName(database)}`;
  const force = () => pools.query(server, `${drop} with (force)`);
  await force().catch(async (denied: unknown) => {
    if (codeOf(denied) !== sqlState.insufficientPrivilege) throw denied;
    await pools.query(server, drop).catch((inUse: unknown) => {
      if (codeOf(inUse) !== sqlState.objectInUse) throw inUse;
    });
    await force();
  });
}
