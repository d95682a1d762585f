import { outside, TenancyError, type Tenant } from '@omnitenant/core';
import { incarnationOf } from '@omnitenant/core/extend';
import { codeOf, sqlState } from '../sql/error-codes.ts';

/** Finds the tenant that has an id now. */
export type FindTenant = (id: string) => Promise<Tenant | undefined>;

/** What PostgreSQL says, among others, to whoever still holds a tenant whose schema, role, database or rows are gone. */
const codes: ReadonlySet<string> = new Set([
  sqlState.undefinedTable,
  sqlState.undefinedSchema,
  sqlState.undefinedFunction,
  sqlState.undefinedObject,
  sqlState.invalidParameterValue,
  sqlState.undefinedDatabase,
  sqlState.adminShutdown,
  sqlState.tenantRemoved,
]);

/** Longer than a lookup takes. It may wait for the very connection that this error is about to give back. */
const patienceMs = 500;

/** TENANT_OUTDATED for an error whose cause is that the tenant was removed; `undefined` for any other. */
export async function removedTenant(
  error: unknown,
  tenant: Tenant,
  find: FindTenant,
): Promise<TenancyError | undefined> {
  const cause = error instanceof TenancyError ? error.cause : error;
  if (!codes.has(codeOf(cause))) return undefined;
  const { promise: late, resolve } = Promise.withResolvers<Tenant>();
  const timer = setTimeout(() => resolve(tenant), patienceMs);
  const now = await Promise.race([outside(() => find(tenant.id)).catch(() => tenant), late]);
  clearTimeout(timer);
  const isSame = now !== undefined && incarnationOf(now) === incarnationOf(tenant) && now.status !== 'removing';
  const isMoved = isSame && !isSamePlace(now, tenant);
  if (isSame && !isMoved && codeOf(cause) !== sqlState.tenantRemoved) return undefined;
  const message = `Tenant "${tenant.id}" was ${isMoved ? 'moved' : 'removed'} while this code was using it. Enter it again with tenancy.run(), ${isMoved ? 'which finds where it is now' : 'which finds its successor if there is one'}.`;
  return new TenancyError('TENANT_OUTDATED', message, { tenant: tenant.id, cause: error });
}

/** Whether both say the same of where the tenant is. What leads to its own server may have been replaced. */
function isSamePlace({ placement: one }: Tenant, { placement: other }: Tenant): boolean {
  return ['server', 'database', 'schema', 'key'].every((name) => one[name] === other[name]);
}
