import { TenancyError, type TenancyErrorCode } from '@omnitenant/core';
import type { QualifiedName } from '../sql/qualified-names.ts';
import { centralSchema } from './entity-scope.ts';

/**
 * Refuses names in central.
 *
 * @throws an error of this code
 */
export function refuseCentral(names: readonly QualifiedName[], what: string, code: TenancyErrorCode): void {
  const found = names.find(({ qualifier }) => qualifier === centralSchema);
  if (!found) return;
  const message =
    `${what} reaches "${centralSchema}.${found.name}", and a tenant's migration reaches its own tables only. ` +
    'Store the id in a plain column instead of a foreign key, or make the entity shared; change central in a migration of central.';
  throw new TenancyError(code, message);
}
