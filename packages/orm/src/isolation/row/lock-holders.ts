import { TenancyError } from '@omnitenant/core';
import type { Pools } from '../../connections/pools.ts';
import { quoteText } from '../../sql/quote.ts';
import { lockKey, type SharedSchema } from './prepare.ts';

/** The error where a shared schema stayed in use for too long: it names the sessions that use it. */
export async function stillInUse(
  pools: Pools,
  placement: SharedSchema,
  waitMs: number,
  cause: unknown,
): Promise<TenancyError> {
  const holders = await holdersOf(pools, placement).catch(() => []);
  const seconds = Math.round(waitMs / 100) / 10;
  const who = holders.length > 0 ? ` It is used by ${holders.join('; ')}.` : '';
  return new TenancyError(
    'MIGRATE_FAILED',
    `The schema "${placement.schema}" stayed in use for ${seconds} seconds, and nothing of it was taken over.${who} Take it over again when that is done, or end ` +
      'it, as with pg_terminate_backend, or wait for longer with waitMs.',
    { cause },
  );
}

/** The sessions that hold a lock on the schema's tables, or the schema itself, and for how long. */
async function holdersOf(pools: Pools, placement: SharedSchema): Promise<string[]> {
  const rows = await pools.query(
    placement,
    `select format('process %s of "%s"%s%s, which holds %s', a.pid, a.usename, nullif(format(' (%s)', a.application_name), ' ()'),
        ', ' || a.state || ' since ' || greatest(0, round(extract(epoch from clock_timestamp() - a.xact_start))) || ' s', string_agg(distinct coalesce(l.relation::regclass::text, 'the right to change the schema'), ', ')) as holder
      from pg_locks l join pg_stat_activity a using (pid)
      where l.granted and l.database = (select oid from pg_database where datname = current_database()) and a.pid <> pg_backend_pid()
        and (l.locktype = 'relation' and l.relation in (select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where n.nspname = ${quoteText(placement.schema)} and c.relkind <> 'i')
          or l.locktype = 'advisory' and ((l.classid::int8 << 32) | l.objid::int8) = ${lockKey(placement)})
      group by a.pid, a.usename, a.application_name, a.state, a.xact_start order by a.xact_start limit 5`,
  );
  return rows.map(({ holder }) => String(holder));
}
