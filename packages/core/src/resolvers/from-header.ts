import { TenancyError } from '../errors.ts';
import type { TenantResolver } from './resolver.ts';

/**
 * Resolves a tenant by a header that holds its id. Only for a header that a trusted proxy sets: a caller can send any.
 * @throws CONFIG_INVALID for a name that no header can have.
 */
export function fromHeader(name: string): TenantResolver {
  if (typeof name !== 'string' || !/^[\w!#$%&'*+.^`|~-]+$/.test(name)) {
    throw new TenancyError('CONFIG_INVALID', 'fromHeader() needs the name of a header, such as "x-tenant".');
  }
  return (request) => {
    const id = request.header(name);
    return id ? { id } : undefined;
  };
}
