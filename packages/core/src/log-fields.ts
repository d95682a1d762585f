import { currentScope } from './context.ts';

/**
 * What log lines say of the current scope: its tenant's id, and nothing in central or outside.
 * @example
 * const logger = pino({ mixin: logFields });
 */
export function logFields(): { tenant?: string } {
  const scope = currentScope();
  return scope?.kind === 'tenant' ? { tenant: scope.tenant.id } : {};
}
