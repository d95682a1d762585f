import type { TenancyError } from '@omnitenant/core';
import { quoteName, quoteText } from '../sql/quote.ts';
import type { ArchiveSession } from './archive-session.ts';
import { qualified } from './copy.ts';
import { type ArchivedSequence, invalid } from './orm-manifest.ts';
import type { TenantSequence } from './tenant-tables.ts';

/**
 * The values of a tenant's sequences. Where tables are shared, so are their sequences, and what others have taken from them is left out:
 * the value is then the greatest that the tenant has. What no column takes goes on where it is, because nobody knows which of its values are
 * the tenant's.
 */
export async function readSequences(
  session: ArchiveSession,
  sequences: readonly TenantSequence[],
): Promise<readonly ArchivedSequence[]> {
  const isOwn = ({ columns }: TenantSequence) => !session.isShared || columns.length === 0;
  // Only the owner of shared tables reads their sequences, and only the tenant's rows say what is the tenant's.
  await session.actAsOwner();
  const own = await valuesOf(session, sequences.filter(isOwn), ({ name }) => {
    return `case when is_called then last_value end::text as value, case when not is_called then last_value end::text as next from ${qualified(session, name)}`;
  });
  await session.bindToRows();
  const shared = sequences.filter((sequence) => !isOwn(sequence));
  const greatest = await valuesOf(session, shared, ({ columns }) => {
    const values = columns.map(
      ({ table, column }) => `(select max(${quoteName(column)})::int8 from ${qualified(session, table)})`,
    );
    return `greatest(${values.join(', ')})::text as value, null as next`;
  });
  return [...own, ...greatest].sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function valuesOf(
  session: ArchiveSession,
  sequences: readonly TenantSequence[],
  columnsOf: (sequence: TenantSequence) => string,
): Promise<readonly ArchivedSequence[]> {
  if (sequences.length === 0) return [];
  const values = sequences.map((sequence) => `select ${quoteText(sequence.name)} as name, ${columnsOf(sequence)}`);
  return (await session.query(values.join(' union all '))) as unknown as readonly ArchivedSequence[];
}

/**
 * Sets a tenant's sequences. Those of shared tables only go up, and give no value meanwhile.
 *
 * @throws ARCHIVE_INVALID where one of these would take most of the numbers that the others have left.
 */
export async function writeSequences(session: ArchiveSession, sequences: readonly ArchivedSequence[]): Promise<void> {
  for (const { name, value: last, next = null } of sequences) {
    const value = last ?? next;
    if (value === null) continue;
    const sequence = qualified(session, name);
    const set = `setval(${quoteText(sequence)}, ${value}, ${last !== null})`;
    if (!session.isShared) {
      await session.query(`select ${set}`);
      continue;
    }
    const isBehind = `from ${sequence} where last_value < ${value} or last_value = ${value} and not is_called`;
    const [behind] =
      await session.query(`select cache_size, ${value} - now.last > (max_value - now.last) / 2.0 as takes_most
      from pg_sequences, (select last_value::numeric as last ${isBehind}) as now
      where schemaname = ${quoteText(session.schema)} and sequencename = ${quoteText(name)}`);
    if (behind === undefined) continue;
    if (behind['takes_most']) throw takesMost(name);
    // Setting what it is set to takes a lock for which `nextval` waits.
    await session.query(`alter sequence ${sequence} cache ${behind['cache_size']}`);
    await session.query(`select ${set} ${isBehind}`);
  }
}

function takesMost(name: string): TenancyError {
  return invalid(
    `its sequence "${name}" is so far that the tenants who share it would have few numbers left. Import it with isolation "schema" or "database"`,
  );
}
