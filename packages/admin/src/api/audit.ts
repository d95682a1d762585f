import type { AuditQuery, AuditEntry as Entry, TenantAudit } from '@omnitenant/core/extend';
import { ProblemError } from '../problem.ts';
import type { AuditEntry } from '../schemas/audit.ts';
import type { ApiParts, Handlers } from './handlers.ts';
import { pageOf } from './page-of.ts';

const exportPage = 500;

/** Shows the audit, and exports it. */
export function auditHandlers({ orm }: ApiParts): Handlers<'audit' | 'auditExport'> {
  const audit = orm.store.audit as TenantAudit;

  type Query = Pick<AuditQuery, 'tenant' | 'since' | 'after'>;
  const read = (query: Query) => audit.page({ ...query, order: 'oldest', limit: exportPage });

  async function* lines(
    first: readonly Entry[],
    query: Query,
    isPermitted: () => Promise<boolean>,
  ): AsyncGenerator<string> {
    for (let page = first; page.length > 0; page = await read({ ...query, after: page.at(-1)?.id })) {
      yield page.map((entry) => `${JSON.stringify(viewOf(entry))}\n`).join('');
      if (page.length < exportPage) return;
      // An answer that ends early would look complete.
      if (!(await isPermitted()))
        throw new ProblemError('OPERATOR_UNKNOWN', 'The export was ended: its operator may no longer read.');
    }
  }

  return {
    async audit({ query: { limit, since, ...query } }) {
      const found = await audit.page({ ...query, since: timeOf(since), order: 'newest', limit: limit + 1 });
      const { shown, next } = pageOf(found, limit, ({ id }) => id);
      return { entries: shown.map(viewOf), next };
    },

    async auditExport({ query: { tenant, since }, isPermitted }) {
      const query = { tenant, since: timeOf(since) };
      // A store that is down is told before the answer begins.
      const first = await read(query);
      const body = ReadableStream.from(lines(first, query, isPermitted)).pipeThrough(new TextEncoderStream());
      return new Response(body, { headers: { 'Content-Type': 'application/x-ndjson' } });
    },
  };
}

function timeOf(since: string | undefined): Date | undefined {
  return since === undefined ? undefined : new Date(since);
}

function viewOf({ id, at, verb, tenant, actor, reason, call, outcome, before, after, error }: Entry): AuditEntry {
  return {
    id,
    at: at.toISOString(),
    verb,
    tenant: tenant ?? null,
    actor: actor ?? null,
    reason: reason ?? null,
    call,
    outcome,
    before: before ?? null,
    after: after ?? null,
    error: error ? { code: error.code ?? null, message: error.message } : null,
  };
}
