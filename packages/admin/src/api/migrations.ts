import type { FleetProgress, FleetReport } from '@omnitenant/orm';
import type { Call, Endpoint } from './endpoint.ts';
import type { ApiParts, Handlers } from './handlers.ts';
import { verified } from './long-verbs.ts';
import type { LongResult, LongVerb } from './operation-runner.ts';
import { searchOf } from './tenant-view.ts';

type Names = 'migrations' | 'plan' | 'migrate' | 'rollBack' | 'verify';
type Asked = Pick<Call<Endpoint>, 'request' | 'operator'> & { readonly body: { readonly reason?: string | undefined } };

/** The migrations of the fleet: who has which, what a run would do, and runs. */
export function migrationHandlers({ orm, operations }: ApiParts): Handlers<Names> {
  const { migrations } = orm;

  function begin(verb: string, { request, operator, body }: Asked, act: LongVerb['act']) {
    return operations.begin({ verb, operator, reason: body.reason, request, input: body, act });
  }

  return {
    async migrations() {
      const [names, counts, central] = await Promise.all([
        migrations.names(),
        searchOf(orm).counts(),
        migrations.central.status(),
      ]);
      const versions = Map.groupBy(counts, ({ version }) => version);
      return {
        names: [...names],
        versions: [...versions].map(([version, found]) => ({
          version: version || 'unknown',
          tenants: found.reduce((sum, { tenants }) => sum + tenants, 0),
          pending: pendingAfter(names, version),
        })),
        central: { applied: [...central.applied], pending: [...central.pending] },
      };
    },

    async plan({ query: { tenants, to, ...query } }) {
      const named = tenants?.split(',').filter(Boolean);
      const plan = await migrations.plan({ ...query, to: to === '0' ? 0 : to, ...(named && { tenants: named }) });
      return {
        steps: plan.steps.map(({ pending, tenants, examples }) => ({
          pending: pending ? [...pending] : null,
          tenants,
          examples: [...examples],
        })),
        migrations: plan.migrations.map(({ name, sql, transactional, warnings }) => ({
          name,
          sql: sql ? [...sql] : null,
          transactional,
          warnings: warnings.map(({ statement = null, ...warning }) => ({ ...warning, statement })),
        })),
      };
    },

    migrate: (call) => {
      const { reason, ...wish } = call.body;
      return begin('migrate-fleet', call, async (report) =>
        reported(await migrations.up({ ...wish, onProgress: (now) => report(progressOf(now)) })),
      );
    },

    rollBack: (call) => {
      const { reason, confirm, to, ...wish } = call.body;
      return begin('roll-back-fleet', call, async (report) =>
        reported(
          await migrations.down({
            ...wish,
            to: to === '0' ? 0 : to,
            onProgress: (now) => report(progressOf(now)),
          }),
        ),
      );
    },

    verify: (call) => {
      const { reason, ...wish } = call.body;
      return begin('verify-fleet', call, async () => verified(await migrations.verify(wish)));
    },
  };
}

/** How many migrations follow a version, `null` where the code does not know the version. */
function pendingAfter(names: readonly string[], version: string): number | null {
  if (version === 'none') return names.length;
  const at = names.indexOf(version);
  return at < 0 ? null : names.length - 1 - at;
}

function progressOf({ done, total, failed }: FleetProgress) {
  return { done, total, failed };
}

/** The result of a run, which has failed where a tenant has, or where it ended early. */
function reported({ failed, ...report }: FleetReport): LongResult {
  const failures = failed.map(({ tenants, error: { code }, summary }) => ({ tenants, code, message: summary }));
  const count = failed.reduce((sum, { tenants }) => sum + tenants.length, 0);
  const message = `${count} of ${report.total} tenants failed, and ${report.remaining} were not started. Fix the cause and begin it again.`;
  const hasFailed = count > 0 || report.stopped !== undefined;
  return {
    result: { ...report, failed: failures },
    error: hasFailed ? { code: 'MIGRATE_FAILED', message } : undefined,
  };
}
