import { currentScope } from './context.ts';

/**
 * The fields of a log line in the current scope: the tenant's id, or nothing in central and outside scopes.
 * @example
 * const logger = pino({ mixin: logFields });
 */
export function logFields(): { tenant?: string } {
  const scope = currentScope();
  return scope?.kind === 'tenant' ? { tenant: scope.tenant.id } : {};
}
