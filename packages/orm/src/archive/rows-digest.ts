import { createHash } from 'node:crypto';
import { lineSplitter } from '../sql/copy-text.ts';
import type { TenantTable } from './tenant-tables.ts';

/** The digest of a table's rows, as COPY writes them. */
export interface RowsDigest {
  update(chunk: Uint8Array): void;
  digest(): string;
}

/** The digest of all of them in their order; where an anonymised archive has another, of some columns and in any order. */
export function rowsDigest({ columns, compared }: Pick<TenantTable, 'columns' | 'compared'>): RowsDigest {
  if (compared !== undefined) return unorderedDigest(columns.map(({ name }) => compared.includes(name)));
  const hash = createHash('sha256');
  return { update: (chunk) => void hash.update(chunk), digest: () => hash.digest('hex') };
}

/** The sum of the digests of all rows. */
function unorderedDigest(compared: readonly boolean[]): RowsDigest {
  const completed = lineSplitter();
  let sum = 0n;
  return {
    update(chunk) {
      // Each byte is a letter here, as nothing depends on what they mean.
      for (const line of completed(Buffer.from(chunk).toString('latin1'))) {
        const fields = line.split('\t').filter((_, index) => compared[index]);
        const digest = createHash('sha256').update(fields.join('\t'), 'latin1').digest('hex');
        sum = BigInt.asUintN(256, sum + BigInt(`0x${digest}`));
      }
    },
    digest: () => sum.toString(16),
  };
}
