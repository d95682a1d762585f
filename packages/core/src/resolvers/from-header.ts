import { TenancyError } from '../errors/errors.ts';
import { expecting, type TenantResolver } from './resolver.ts';

/**
 * Resolves a tenant by a header that contains its id. Use only a header that a trusted proxy sets, because callers can send any.
 * @throws CONFIG_INVALID for an invalid header name.
 */
export function fromHeader(name: string): TenantResolver {
  if (typeof name !== 'string' || !/^[\w!#$%&'*+.^`|~-]+$/.test(name)) {
    throw new TenancyError('CONFIG_INVALID', 'fromHeader() requires a header name such as "x-tenant".');
  }
  // The answer may be read by the caller, who need not know the name of a header that is trusted.
  return expecting('a header with the id of the tenant', (request) => {
    const id = request.header(name);
    return id ? { id } : undefined;
  });
}
