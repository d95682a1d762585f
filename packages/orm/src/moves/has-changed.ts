import { TenancyError, type Tenant } from '@omnitenant/core';

/** The error for a tenant whose tables, or whose table of this name, did not stay as they were. */
export function hasChanged({ id }: Tenant, table?: string): TenancyError {
  const what = table === undefined ? 'its tables were changed' : `its table "${table}" was made or changed`;
  const message =
    `Tenant "${id}" could not be moved, and is where it was: ${what} while it was copied. ` +
    'Move it again when its tables stay as they are.';
  return new TenancyError('MOVE_FAILED', message, { tenant: id });
}
