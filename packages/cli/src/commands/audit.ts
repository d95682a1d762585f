import type { AuditEntry, TenantAudit } from '@omnitenant/core/extend';
import { time } from '../application/options.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { print } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { type Column, printRows } from '../terminal/table.ts';

export function audit(program: Program): void {
  program
    .command('audit')
    .summary('show who changed tenants, and what')
    .description('Shows who changed tenants, what, when and why, the oldest entry first.')
    .option('--tenant <id>', 'only entries of this tenant')
    .option('--since <time>', 'only entries since then, such as 2026-11-29 or 2026-11-29T12:00Z', time)
    .option('--json', 'JSON output, one entry per line')
    .addHelpText(
      'after',
      examples({
        'audit --tenant acme': 'what was done with a tenant',
        'audit --since 2026-11-29 --json': 'for a program, with the records before and after',
      }),
    )
    .action(async ({ json, ...wish }, command) => {
      await withApplication(command, async ({ orm }) => {
        const entries = entriesOf(orm.store.audit, wish);
        const rows: AuditEntry[] = [];
        for await (const entry of entries) {
          if (json) print(JSON.stringify(entry));
          else rows.push(entry);
        }
        if (!json) await printRows(rows, columns, {});
      });
    });
}

const pageSize = 500;

async function* entriesOf(
  audit: TenantAudit | undefined,
  wish: { readonly tenant?: string | undefined; readonly since?: Date | undefined },
): AsyncGenerator<AuditEntry> {
  let after: string | undefined;
  do {
    const page = (await audit?.page({ ...wish, after, order: 'oldest', limit: pageSize })) ?? [];
    yield* page;
    after = page.length === pageSize ? page.at(-1)?.id : undefined;
  } while (after !== undefined);
}

const columns: readonly Column<AuditEntry>[] = [
  { name: 'time', value: ({ at }) => at.toISOString() },
  { name: 'verb', value: ({ verb }) => verb, style: () => 'bold' },
  { name: 'tenant', value: ({ tenant }) => tenant },
  { name: 'outcome', value: ({ outcome }) => outcome, style: styleOf },
  { name: 'actor', value: ({ actor }) => actor },
  { name: 'reason', value: ({ reason, error }) => reason ?? error?.message },
];

function styleOf({ outcome }: AuditEntry) {
  return outcome === 'failed' || outcome === 'vetoed' ? 'red' : undefined;
}
