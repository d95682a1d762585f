import type { Permission } from '../../src/operator.ts';
import type { MigrationPlan, MigrationStatus } from '../../src/schemas/migration.ts';
import type { Operation } from '../../src/schemas/operation.ts';
import { apiUrl, send, useGet } from '../api.ts';
import { shortName } from '../parts/badge.tsx';
import { Bars } from '../parts/bars.tsx';
import { ask, type Question } from '../parts/dialog.tsx';
import { plural } from '../parts/format.tsx';
import { follow } from '../parts/operations.tsx';
import { Runs } from '../parts/runs.tsx';
import { Panel, Show } from '../parts/states.tsx';

/** From the plan, through its groups, to the run. */
export function MigrationsPlace({ may }: { may: readonly Permission[] }) {
  const status = useGet<MigrationStatus>(apiUrl('migrations'), 15_000);
  const plan = useGet<MigrationPlan>(apiUrl('migrations/plan'));
  return (
    <>
      <header class="title">
        <h1>Migrations</h1>
        <Show of={status}>{({ names }) => <p class="quiet">{plural(names.length, 'migration')} in this code</p>}</Show>
      </header>
      <Show of={plan}>{(value) => <Plan plan={value} may={may} />}</Show>
      <div class="grid two">
        <Panel title="3. Runs">
          <Runs />
        </Panel>
        <Panel title="Who has what">
          <Show of={status}>
            {({ versions, names }) => (
              <Bars
                counts={Object.fromEntries(versions.map(({ version, tenants }) => [version, tenants]))}
                filter="version"
                mark={(name) => (name === names.at(-1) ? 'latest' : pendingNote(versions, name))}
              />
            )}
          </Show>
        </Panel>
      </div>
    </>
  );
}

function pendingNote(versions: MigrationStatus['versions'], name: string): string | undefined {
  const pending = versions.find(({ version }) => version === name)?.pending;
  return pending ? `${pending} pending` : undefined;
}

function Plan({ plan, may }: { plan: MigrationPlan; may: readonly Permission[] }) {
  const total = plan.steps.reduce((sum, { tenants }) => sum + tenants, 0);
  return (
    <div class="grid two">
      <Panel title={`1. Plan: ${plural(total, 'tenant')}`}>
        {total === 0 && <p class="quiet">All tenants have all migrations. There is nothing to run.</p>}
        <ul class="rows">
          {plan.steps.map(({ pending, tenants, examples }) => (
            <li key={pending?.join()}>
              <b>{plural(tenants, 'tenant')}</b>
              <span>{pending ? `${plural(pending.length, 'migration')} each` : 'compared when run'}</span>
              <small>{examples.slice(0, 3).join(', ')}</small>
            </li>
          ))}
        </ul>
        {plan.migrations.map((migration) => (
          <Migration key={migration.name} {...migration} />
        ))}
      </Panel>
      <Panel title="2. Groups">
        <Groups total={total} may={may.includes('operate')} />
      </Panel>
    </div>
  );
}

/** How a run is divided: some tenants first, the others only if none of those failed. */
function Groups({ total, may }: { total: number; may: boolean }) {
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const numbers = Object.fromEntries([...form].map(([name, value]) => [name, Number(value)]));
    ask(runOf(total, numbers));
  };
  return (
    <form class="groups" onSubmit={submit}>
      <Amount name="canary" label="Canaries" hint="tenants that go first" value={Math.min(5, total)} most={total} />
      <Amount name="maxFailures" label="Failures allowed" hint="before no more are begun" value={0} most={total} />
      <Amount name="concurrency" label="At a time" hint="tenants of one server" value={4} least={1} most={100} />
      <button type="submit" class="primary" disabled={!may || total === 0}>
        Run…
      </button>
    </form>
  );
}

function Amount({
  name,
  label,
  hint,
  value,
  least = 0,
  most,
}: {
  name: string;
  label: string;
  hint: string;
  value: number;
  least?: number;
  most: number;
}) {
  return (
    <label class="amount">
      <span>
        {label} <small>{hint}</small>
      </span>
      <input type="number" name={name} defaultValue={String(value)} min={least} max={most} required />
    </label>
  );
}

function Migration({ name, sql, transactional, warnings }: MigrationPlan['migrations'][number]) {
  return (
    <details class="migration">
      <summary>
        <span class="mono">{shortName(name)}</span>
        {sql === null && <span class="tag">runs code</span>}
        {!transactional && <span class="tag warn">no transaction</span>}
        {warnings.length > 0 && <span class="tag warn">{plural(warnings.length, 'warning')}</span>}
      </summary>
      {warnings.map(({ kind, message }) => (
        <p class="note warn" key={kind + message}>
          {message}
        </p>
      ))}
      <pre>{sql?.join(';\n') ?? 'What it sends is known only when it runs.'}</pre>
    </details>
  );
}

const runOf = (total: number, options: Readonly<Record<string, number>>): Question => ({
  title: `Migrate ${plural(total, 'tenant')}`,
  says: `Applies the pending migrations to ${plural(options['canary'] ?? 0, 'canary', 'canaries')} first, and to the others only if none of those failed. A tenant that fails is rolled back whole and does not stop the others.`,
  button: 'Run',
  fields: [{ name: 'reason', label: 'Reason', optional: true, hint: 'Kept in the audit.' }],
  run: async ({ reason }) => {
    follow(await send<Operation>('POST', 'migrations/up', { ...options, ...(reason && { reason }) }));
  },
});
