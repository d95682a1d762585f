import type { HealthProbe } from '@omnitenant/core/extend';
import type { Database } from '../sql/client.ts';
import type { Pools } from './pools.ts';

/** Whether each configured server answers, and whether its connections suffice. */
export function serverProbes(pools: Pools, databases: readonly Database[]): readonly HealthProbe[] {
  return databases.map((database) => ({
    name: `orm: server ${database.server}`,
    check: checkOf(pools, database),
  }));
}

function checkOf(pools: Pools, database: Database): HealthProbe['check'] {
  let seen = 0;
  return async () => {
    await pools.query(database, 'select 1');
    const stats = pools.stats().servers[database.server];
    if (stats === undefined) return undefined;
    // Who uses its own share up is no fault of the server.
    const refused = stats.refused - stats.shareExhausted;
    const since = refused - seen;
    seen = refused;
    if (since > 0) return `${since} requests got none of the ${stats.max} connections since the last look.`;
    const waiting = stats.waiting - stats.heldBack;
    return waiting > stats.max ? `${waiting} requests wait for one of ${stats.max} connections.` : undefined;
  };
}
