import { currentScope } from '../scope/context.ts';

/**
 * The fields of a log line: the id of the current scope's tenant; outside a tenant's scope, that of the error that is logged as `err`
 * or `error`, if it has one.
 * @example
 * const logger = pino({ mixin: logFields });
 */
export function logFields(line: object = {}): { tenant?: string } {
  const scope = currentScope();
  if (scope?.kind === 'tenant') return { tenant: scope.tenant.id };
  const { err, error = err } = line as { err?: unknown; error?: unknown };
  const tenant = (error as { tenant?: unknown } | undefined)?.tenant;
  return error instanceof Error && typeof tenant === 'string' ? { tenant } : {};
}
