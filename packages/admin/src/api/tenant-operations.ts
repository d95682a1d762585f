import { isTenancyError, type TenancyError } from '@omnitenant/core';
import { tenantChanged } from '@omnitenant/core/extend';
import type { AdminOrm } from '../admin-orm.ts';
import { ProblemError } from '../problem.ts';
import type { Operation } from '../schemas/operation.ts';
import type { Call, Endpoint } from './endpoint.ts';
import type { LongVerb, OperationRunner } from './operation-runner.ts';
import { etagOf, readTenant } from './tenant-view.ts';

type Asked = Pick<Call<Endpoint>, 'request' | 'params' | 'operator'> & {
  readonly body: { readonly reason?: string | undefined; readonly confirm?: string | undefined };
};
type Act = (id: string, report: Parameters<LongVerb['act']>[0]) => ReturnType<LongVerb['act']>;

/** Begins operations on one tenant. A verb that destroys is confirmed by its id. */
export function tenantOperations(orm: AdminOrm, operations: OperationRunner) {
  async function begin(
    verb: string,
    id: string,
    { request, operator, body }: Asked,
    act: Act,
    refusal?: TenancyError,
  ): Promise<Operation> {
    const { confirm = id, reason } = body;
    if (confirm !== id) throw notConfirmed(id);
    return operations.begin({
      verb,
      tenant: id,
      operator,
      reason,
      request,
      input: body,
      refusal,
      act: (report) => act(id, report),
    });
  }

  /** Why it is not the tenant that was meant: there is none, or not as the operator has seen it. `undefined` if it is. */
  async function whyOther(id: string, { headers }: Request): Promise<TenancyError | undefined> {
    const seen = headers.get('if-match');
    try {
      const { tenant } = await readTenant(orm, id);
      return seen === null || seen === etagOf(tenant) ? undefined : tenantChanged(id);
    } catch (error) {
      if (isTenancyError(error, 'TENANT_UNKNOWN')) return error;
      throw error;
    }
  }

  return {
    begin: (verb: string, id: string, asked: Asked, act: Act) => begin(verb, id, asked, act),

    /** On a tenant that is there, which the path names. */
    async beginOn(verb: string, asked: Asked, act: Act): Promise<Operation> {
      const { id = '' } = asked.params;
      return begin(verb, id, asked, act, await whyOther(id, asked.request));
    },
  };
}

function notConfirmed(id: string): ProblemError {
  return new ProblemError('NOT_CONFIRMED', `Confirm it with the id of the tenant: "${id}".`);
}
