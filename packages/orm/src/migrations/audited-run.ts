import type { AuditedCall, Auditing } from '@omnitenant/core/extend';
import type { FleetOptions, FleetReport } from './fleet-options.ts';

/** What an audit says of a run: which tenants it is for, and its report, each failure by its tenants and its error. */
export function fleetCall(verb: string, { tenants, skip, to, step }: FleetOptions): AuditedCall<FleetReport> {
  return {
    verb,
    before: () => ({ tenants, skip, to, step }),
    after: (report) =>
      report && {
        ...report,
        failed: report.failed.map(({ tenants, error: { code }, summary }) => ({ tenants, code, message: summary })),
      },
  };
}

/**
 * Has a run recorded from its first tenant on, or when it fails: a run that finds nothing to do costs nothing. `work` calls `begin`
 * before it touches a tenant, which rejects if that cannot be recorded.
 */
export async function auditedRun(
  auditing: Auditing,
  call: AuditedCall<FleetReport>,
  work: (begin: () => Promise<void>) => Promise<FleetReport>,
): Promise<FleetReport> {
  const end = Promise.withResolvers<FleetReport>();
  let begun: Promise<void> | undefined;
  let audited: Promise<unknown> | undefined;

  function begin(): Promise<void> {
    begun ??= new Promise((resolve, reject) => {
      audited = auditing(call, () => {
        resolve();
        return end.promise;
      }).catch(reject);
    });
    return begun;
  }

  const running = work(begin);
  end.resolve(running);
  await end.promise.catch(() => begin().catch(() => {}));
  await audited;
  return running;
}
