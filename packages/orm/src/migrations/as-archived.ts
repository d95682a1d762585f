import { TenancyError } from '@omnitenant/core';
import type { Operation } from './operation.ts';

/**
 * Applies the migrations that an archive was made with; `shared` are those of the tables that tenants share, if there are any yet.
 *
 * @throws ARCHIVE_INVALID
 */
export function asArchived(
  names: readonly string[],
  wanted: readonly string[],
  shared: readonly string[] = [],
): Operation {
  const unknown = wanted.find((name) => !names.includes(name));
  if (unknown !== undefined) throw invalid(ofOtherCode(unknown));
  if (shared.length > 0 && !isSame(shared, wanted)) {
    throw invalid(
      'it was made with other migrations than the tables have that tenants share. Import it with isolation "schema", which migrates it, export that tenant, and import this archive instead. To restore a tenant in place, move it to isolation "schema" first, and back afterwards',
    );
  }
  const target = names.filter((name) => wanted.includes(name));
  return {
    target,
    stepsFrom: (applied) =>
      target.filter((name) => !applied.includes(name)).map((name) => ({ name, direction: 'up', run: true })),
  };
}

/** Why an archive cannot be imported that was made with a migration which is unknown here. */
export function ofOtherCode(unknown: string): string {
  return `it was made with the migration "${unknown}", which this code does not have. It is the archive of another application, or of newer code`;
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.toSorted().join('\n') === other.toSorted().join('\n');
}

function invalid(why: string): TenancyError {
  return new TenancyError('ARCHIVE_INVALID', `This archive cannot be imported: ${why}.`);
}
