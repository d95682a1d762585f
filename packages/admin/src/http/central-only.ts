import { isTenancyError, type Tenancy } from '@omnitenant/core';
import { hostFromHeader } from '@omnitenant/core/extend';
import { ProblemError } from '../problem.ts';

/**
 * Refuses a request that is not for central: of a tenant's host, or of a host that nobody has named. It answers as if nothing was there.
 *
 * @throws NOT_FOUND
 */
export async function requireCentral(
  tenancy: Pick<Tenancy, 'identify' | 'leadsTo' | 'tenants'>,
  request: Request,
  url: URL,
  hosts: readonly string[] | undefined,
): Promise<void> {
  const several = request.headers.get('host')?.includes(',') === true;
  const host = several ? undefined : hostFromHeader(url.host);
  const isCentral = hosts ? await isNamed(tenancy, url, host, hosts) : await isPublic(tenancy, request, url, host);
  if (!isCentral) throw new ProblemError('NOT_FOUND', 'There is nothing at this path.');
}

/** Whether the host is one of those named, and no tenant's: also none that is closed, or that this request may not enter. */
async function isNamed(
  { leadsTo, tenants }: Pick<Tenancy, 'leadsTo' | 'tenants'>,
  url: URL,
  host: string | undefined,
  hosts: readonly string[],
): Promise<boolean> {
  if (host === undefined || !hosts.includes(host)) return false;
  if ((await tenants.findByDomain(host)) !== undefined) return false;
  try {
    // By the host alone, such as a subdomain: an operator may have a session in a tenant, too.
    return (await leadsTo({ host, path: '/', header: () => undefined, raw: new Request(url) })) === undefined;
  } catch (error) {
    // A resolver may throw anything where there is no session to read. A store that is down says nothing of the host.
    if (isTenancyError(error) && error.status === 503) throw error;
    return true;
  }
}

/** Whether the tenancy takes the request for one of a public host. */
async function isPublic(
  { identify }: Pick<Tenancy, 'identify'>,
  request: Request,
  url: URL,
  host: string | undefined,
): Promise<boolean> {
  const header = (name: string) => request.headers.get(name) ?? undefined;
  try {
    return (await identify({ host, path: url.pathname, header, raw: request })) === undefined;
  } catch (error) {
    if (leadsNowhere(error)) return false;
    throw error;
  }
}

/** Whether a request names a tenant that is not there or not open, or none. A store that is down is neither. */
function leadsNowhere(error: unknown): boolean {
  const { status } = error as { readonly status?: number };
  return status !== undefined && (status < 500 || (error as { readonly code?: string }).code === 'TENANT_MAINTENANCE');
}
