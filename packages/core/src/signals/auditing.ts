import { randomUUID } from 'node:crypto';
import { isTenancyError } from '../errors/errors.ts';
import { currentActing } from '../scope/acting.ts';
import type { AuditDraft, TenantAudit } from '../stores/audit.ts';
import type { OnError } from './signals.ts';

/** A call of a verb, as the audit records it. */
export interface AuditedCall<R> {
  readonly verb: string;
  /** The tenant concerned; `undefined` for the fleet. */
  readonly tenant?: string | undefined;
  /** The tenant concerned, where only the result says it. */
  readonly tenantOf?: ((result: R) => string) | undefined;
  /** What it is before, without credentials. */
  readonly before?: (() => unknown) | undefined;
  /** What it is since, without credentials; without the result of a call that failed. */
  readonly after?: ((result: R | undefined) => unknown) | undefined;
}

/**
 * Records that a call begins, makes it, and records how it ended. It refuses a call whose beginning cannot be recorded; an entry without an
 * end means that the call was interrupted, or that its end could not be written.
 */
export type Auditing = <R>(call: AuditedCall<R>, act: () => Promise<R>) => Promise<R>;

/** Records calls in `audit`. Without an audit, it only makes them. */
export function createAuditing(audit: TenantAudit | undefined, onError: OnError): Auditing {
  if (audit === undefined) return (_, act) => act();

  return async ({ verb, tenant, tenantOf, before, after }, act) => {
    const entry = { verb, tenant, call: randomUUID(), ...currentActing() };
    await audit.append({ ...entry, outcome: 'began', before: await before?.() });

    async function end(
      result: Awaited<ReturnType<typeof act>> | undefined,
      how: Pick<AuditDraft, 'outcome' | 'error'>,
    ) {
      const found = result === undefined ? undefined : tenantOf?.(result);
      try {
        await audit?.append({ ...entry, tenant: tenant ?? found, ...how, after: await after?.(result) });
      } catch (error) {
        onError(error, { tenant });
      }
    }

    try {
      const result = await act();
      await end(result, { outcome: 'done' });
      return result;
    } catch (error) {
      await end(undefined, { outcome: isTenancyError(error, 'VETOED') ? 'vetoed' : 'failed', error: described(error) });
      throw error;
    }
  };
}

/** An error that is not ours may say anything, a row of a tenant's included. */
function described(error: unknown): { code?: string; message: string } {
  if (isTenancyError(error)) return { code: error.code, message: error.message };
  return { message: error instanceof Error ? error.name : 'Error' };
}
