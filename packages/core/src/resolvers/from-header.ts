import { TenancyError } from '../errors.ts';
import type { TenantResolver } from './resolver.ts';

/**
 * Resolves a tenant by a header that contains its id. Use only a header that a trusted proxy sets, because callers can send any.
 * @throws CONFIG_INVALID for an invalid header name.
 */
export function fromHeader(name: string): TenantResolver {
  if (typeof name !== 'string' || !/^[\w!#$%&'*+.^`|~-]+$/.test(name)) {
    throw new TenancyError('CONFIG_INVALID', 'fromHeader() requires a header name such as "x-tenant".');
  }
  return (request) => {
    const id = request.header(name);
    return id ? { id } : undefined;
  };
}
