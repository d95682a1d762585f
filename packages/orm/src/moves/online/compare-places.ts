import type { Tenant } from '@omnitenant/core';
import { inArchiveSession } from '../../archive/archive-session.ts';
import { countRows, digestOf } from '../../archive/copy.ts';
import type { ArchiveParts } from '../../archive/export-tenant.ts';
import { invalid } from '../../archive/orm-manifest.ts';
import { readTenantTables, type TenantTable } from '../../archive/tenant-tables.ts';
import { withoutTimeLimits } from '../../sql/time-limits.ts';
import { alike } from './copy-changed.ts';

/** What is compared. */
interface Places {
  readonly from: Tenant;
  readonly into: Tenant;
  readonly tables: readonly TenantTable[];
  /** Of the old place; at the new one there are the rows that it sees. */
  readonly snapshot: string;
}

/**
 * Compares all rows by digest, while the tenant writes. Returns the tables that differ. One that was truncated since may be among them, as
 * no snapshot sees what it had before.
 */
export async function differingTables(
  parts: ArchiveParts,
  { from, into, tables, snapshot }: Places,
): Promise<readonly string[]> {
  const logTable = await parts.logTable();
  return inArchiveSession(parts, into, 'read', async (there) => {
    await there.query(withoutTimeLimits());
    const found = await readTenantTables(there, logTable);
    const differing: string[] = [];
    for (const table of tables) {
      // Each table in a transaction of its own, so that none is held for longer than it is read.
      const [old, now] = await Promise.all([
        inArchiveSession(parts, from, { snapshot }, async (here) => {
          // The owner of shared tables sees what policies of the application's own may hide.
          const [count] = here.isShared ? await countRows(here, [table]) : [];
          await here.bindToRows();
          const digest = await digestOf(here, table);
          if (count !== undefined && count !== digest.rows)
            throw invalid(`a policy hides rows of the table "${table.name}"`);
          return digest;
        }),
        digestOf(there, alike(table, found.tables)),
      ]);
      if (old.rows !== now.rows || old.sha256 !== now.sha256) differing.push(table.name);
    }
    return differing;
  });
}
