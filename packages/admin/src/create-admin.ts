import { type Tenancy, TenancyError } from '@omnitenant/core';
import { hostFromHeader, type OptionNames, unknownOption } from '@omnitenant/core/extend';
import type { AdminArchives } from './admin-archives.ts';
import type { AdminOrm } from './admin-orm.ts';
import type { AdminQueue } from './admin-queue.ts';
import { createApi } from './api/api.ts';
import { createOperationRunner } from './api/operation-runner.ts';
import { requireCentral } from './http/central-only.ts';
import { refuseCrossSite } from './http/same-origin.ts';
import { secured } from './http/secured.ts';
import type { Operator } from './operator.ts';
import { servePage } from './pages/serve-page.ts';
import { ProblemError, problemResponse } from './problem.ts';

const dayMs = 86_400_000;
const mostDays = 36_500;

/** Options of the control plane. */
export interface AdminOptions {
  readonly tenancy: Tenancy;
  readonly orm: AdminOrm;
  /** Queues of `@omnitenant/queue`, whose jobs are counted. Default: none. */
  readonly queues?: readonly AdminQueue[] | undefined;
  /**
   * Who is asking: an operator, or `undefined`, which is refused. It runs in central, for each request, and again before a long answer goes on. It may
   * return a response instead, such as a redirect to where operators log in.
   */
  readonly authorize: (request: Request) => Operator | Response | undefined | Promise<Operator | Response | undefined>;
  /** The path that it is mounted at. Default: `/admin`. */
  readonly basePath?: string | undefined;
  /** The hosts that it is served on, none of which may be a tenant's. Default: the tenancy's public hosts. */
  readonly hosts?: readonly string[] | undefined;
  /** Where archives of tenants are kept. Default: nowhere, and operators can neither export, import nor erase. */
  readonly archives?: AdminArchives | undefined;
  /** How many days an operation is kept, with its Idempotency-Key, after it has ended. Default: 30. */
  readonly keepOperationsDays?: number | undefined;
  /** How long a long verb counts as running after its process was last heard of, in milliseconds. Default: 30 000. */
  readonly leaseMs?: number | undefined;
  /** Receives errors of this package or the application that are answered with status 500. Default: `console.error`. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/**
 * Creates the control plane: its API below `/api/v1` and its pages, as one fetch handler to mount in any framework. It is served to
 * operators only, in central, on no host of a tenant.
 *
 * @throws CONFIG_INVALID
 *
 * @example
 * const admin = createAdmin({ tenancy, orm, authorize: (request) => operatorOf(request) });
 * app.all('/admin/*', (c) => admin(c.req.raw));
 */
export function createAdmin(options: AdminOptions): (request: Request) => Promise<Response> {
  checkOptions(options);
  const {
    tenancy,
    orm,
    queues = [],
    authorize,
    basePath = '/admin',
    hosts,
    archives,
    keepOperationsDays = 30,
    leaseMs,
    onError = console.error,
  } = options;
  const base = basePath.replace(/\/+$/, '');
  const operations = createOperationRunner({
    tenancy,
    operations: orm.store.operations,
    keepMs: keepOperationsDays * dayMs,
    leaseMs,
    onError,
  });
  const api = createApi({ tenancy, orm, queues, archives, operations });

  async function answer(request: Request, identified: () => void): Promise<Response> {
    const url = new URL(request.url);
    await requireCentral(tenancy, request, url, hosts);
    if (url.pathname !== base && !url.pathname.startsWith(`${base}/`)) throw notFound();
    const found = await authorize(request);
    if (found instanceof Response) return found;
    const operator = checkedOperator(found);
    identified();
    const operatorNow = async () => {
      const now = await tenancy.central(() => authorize(request));
      return now instanceof Response ? undefined : now;
    };
    refuseCrossSite(request, url.host);
    const path = url.pathname.slice(base.length);
    if (path.startsWith('/api/v1/'))
      return api({ request, url, path: path.slice('/api/v1'.length), operator, operatorNow });
    const page = await servePage(request, path);
    if (page) return page;
    throw notFound();
  }

  return async (request) => {
    let isOperator = false;
    const identified = () => {
      isOperator = true;
    };
    try {
      if (tenancy.tryCurrent()) throw notFound();
      return secured(await tenancy.central(() => answer(request, identified)));
    } catch (error) {
      const response = problemResponse(error, { isOperator });
      if (response.status === 500) onError(error);
      return secured(response);
    }
  };
}

/** @throws OPERATOR_UNKNOWN */
function checkedOperator(found: Operator | undefined): Operator {
  if (found && typeof found.id === 'string' && found.id !== '' && Array.isArray(found.permissions)) return found;
  throw new ProblemError('OPERATOR_UNKNOWN', 'Only operators may use this. Log in as one.');
}

function notFound(): ProblemError {
  return new ProblemError('NOT_FOUND', 'There is nothing at this path.');
}

const optionNames: OptionNames<AdminOptions> = {
  tenancy: true,
  orm: true,
  queues: true,
  authorize: true,
  basePath: true,
  hosts: true,
  archives: true,
  keepOperationsDays: true,
  leaseMs: true,
  onError: true,
};

function checkOptions(options: AdminOptions): void {
  const unknown = unknownOption(options, optionNames);
  if (unknown !== undefined) throw new TenancyError('CONFIG_INVALID', `createAdmin ${unknown}`);
  const { tenancy, orm, authorize, basePath = '/admin', hosts = [], keepOperationsDays = 30, leaseMs = 1 } = options;
  if (typeof authorize !== 'function')
    throw invalid('authorize, a function that says which operator a request is from');
  if (!tenancy || !orm?.store?.search || !orm.store.operations)
    throw invalid('tenancy, and the orm that its tenants are kept by');
  if (!/^(?:\/[\w.~-]+)*\/?$/.test(basePath)) throw invalid('a basePath such as "/admin"');
  if (!(keepOperationsDays > 0 && keepOperationsDays <= mostDays))
    throw invalid(`up to ${mostDays} days as keepOperationsDays`);
  if (!Number.isInteger(leaseMs) || leaseMs < 1 || leaseMs > dayMs)
    throw invalid(`a whole number from 1 to ${dayMs} as leaseMs`);
  if (hosts.some((host) => hostFromHeader(host) !== host))
    throw invalid('hosts in small letters, such as "ops.example.com", without a port');
}

function invalid(what: string): TenancyError {
  return new TenancyError('CONFIG_INVALID', `createAdmin() requires ${what}.`);
}
