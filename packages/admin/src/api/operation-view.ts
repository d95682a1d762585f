import type { Operation } from '@omnitenant/core/extend';
import type { Operation as OperationView } from '../schemas/operation.ts';

/** What to do about an operation whose process ended before it did, by its verb. */
const advice: Readonly<Record<string, string>> = {
  create: 'Look at the tenant: if it is provisioning or failed, repair or clear it.',
  adopt: 'Look at the tenant: if it is provisioning or failed, repair or clear it.',
  import: 'Look at the tenant: if it is provisioning or failed, clear it, and import it again.',
  remove: 'Remove the tenant again, which continues the removal.',
  clear: 'Clear the tenant again, which continues where it stopped.',
  reset: 'Reset the tenant again, which starts again.',
  restore: 'If the tenant cannot be resumed, restore it again. What it had is in the newest of its archives.',
  repair: 'Repair the tenant again.',
};
const again = 'Start it again: completed steps are not repeated.';

/** An operation as operators see it. */
export function operationView({ digest, ...operation }: Operation): OperationView {
  const { id, verb, tenant, status, actor, reason, progress, result, error, startedAt, endedAt } = operation;
  const isAbandoned = error?.code === 'ABANDONED';
  return {
    id,
    verb,
    tenant: tenant ?? null,
    status,
    actor,
    reason: reason ?? null,
    progress: progress ?? null,
    result: result ?? null,
    error: error
      ? { ...error, message: isAbandoned ? `${error.message} ${advice[verb] ?? again}` : error.message }
      : null,
    startedAt: startedAt.toISOString(),
    endedAt: endedAt?.toISOString() ?? null,
  };
}
