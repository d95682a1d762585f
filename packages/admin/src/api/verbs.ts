import type { TenantRegistry } from '@omnitenant/core';
import { tenantChanged } from '@omnitenant/core/extend';
import { ProblemError } from '../problem.ts';
import type { TenantDetail } from '../schemas/tenant.ts';
import type { Call, Endpoint } from './endpoint.ts';
import type { ApiParts, Handlers } from './handlers.ts';
import { givenConfig, mergePatch, ownColumns } from './record-input.ts';
import { requirePermission } from './require-permission.ts';
import { etagOf, readDetail, readTenant } from './tenant-view.ts';

type Names =
  | 'updateTenant'
  | 'suspendTenant'
  | 'resumeTenant'
  | 'maintainTenant'
  | 'archiveTenant'
  | 'addDomain'
  | 'removeDomain';

type Asked = Pick<Call<Endpoint>, 'request' | 'params' | 'operator'> & { readonly reason?: string | undefined };

/** The verbs that are over when they are answered. */
export function verbHandlers({ tenancy, orm }: ApiParts): Handlers<Names> {
  /** Acts as the operator on the tenant that they have seen, and shows it as it is then. */
  async function act(
    { request, params: { id = '' }, operator, reason }: Asked,
    verb: (tenants: TenantRegistry, id: string) => Promise<unknown>,
  ): Promise<TenantDetail> {
    const seen = request.headers.get('if-match');
    if (seen !== null && seen !== etagOf((await readTenant(orm, id)).tenant)) throw tenantChanged(id);
    await tenancy.as({ actor: operator.id, ...(reason && { reason }) }, () => verb(tenancy.tenants, id));
    return readDetail(orm, id);
  }

  return {
    async updateTenant({ body, ...call }) {
      const { params, request } = call;
      const { id = '' } = params;
      if (request.headers.get('if-match') === null) throw ifMatchRequired();
      const { tenant } = await readTenant(orm, id);
      const { name, config, columns, reason } = body;
      const change = {
        ...ownColumns(columns),
        ...(name !== undefined && { name }),
        ...(config && { config: mergePatch(tenant.config, givenConfig(config)) }),
      };
      return act({ ...call, reason }, (tenants) => tenants.update(id, change, { unchangedSince: tenant }));
    },

    suspendTenant: ({ body, ...call }) => act({ ...call, ...body }, (tenants, id) => tenants.suspend(id)),
    resumeTenant: ({ body, ...call }) => act({ ...call, ...body }, (tenants, id) => tenants.resume(id)),
    maintainTenant: ({ body, ...call }) => act({ ...call, ...body }, (tenants, id) => tenants.startMaintenance(id)),

    async archiveTenant({ body: { retainUntil, reason }, ...call }) {
      // The next purge after it destroys the tenant.
      if (retainUntil) requirePermission(call.operator, 'destroy');
      const retention = retainUntil ? { retainUntil: new Date(retainUntil) } : {};
      return act({ ...call, reason }, (tenants, id) => tenants.archive(id, retention));
    },

    addDomain: ({ body: { host, primary, reason }, ...call }) =>
      act({ ...call, reason }, (tenants, id) => tenants.addDomain(id, host, { primary })),

    removeDomain: ({ query, ...call }) =>
      act({ ...call, ...query }, (tenants, id) => tenants.removeDomain(id, call.params.host ?? '')),
  };
}

function ifMatchRequired(): ProblemError {
  return new ProblemError(
    'IF_MATCH_REQUIRED',
    'Say which version of the tenant you have read, by If-Match with its etag.',
  );
}
