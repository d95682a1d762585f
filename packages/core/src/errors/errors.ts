import { STATUS_CODES } from 'node:http';
import { quoted } from './quoted.ts';
import { redact, withoutCredentials } from './redact.ts';

/** How an error code is answered over HTTP. */
interface Answer {
  readonly status: number;
  /** Whether a caller may read the message. */
  readonly expose: boolean;
  /** Seconds for the header `Retry-After`. */
  readonly retryAfter?: number;
  /** The header `WWW-Authenticate`. */
  readonly challenge?: string;
}

/** Every error code, and how it is answered over HTTP. */
export const errorCodes = {
  // The application is misconfigured, or uses a scope incorrectly.
  CONFIG_INVALID: { status: 500, expose: false },
  OUTSIDE_SCOPE: { status: 500, expose: false },
  NOT_IN_TENANT: { status: 500, expose: false },
  SCOPE_ENDED: { status: 500, expose: false },
  RESOURCE_UNKNOWN: { status: 500, expose: false },
  JOB_WITHOUT_TENANT: { status: 500, expose: false },
  CREDENTIALS_UNREADABLE: { status: 500, expose: false },

  // A request cannot enter a tenant.
  TENANT_UNRESOLVED: { status: 400, expose: true },
  TOKEN_INVALID: { status: 401, expose: true, challenge: 'Bearer error="invalid_token"' },
  TENANT_FORBIDDEN: { status: 403, expose: true },
  TENANT_UNKNOWN: { status: 404, expose: false },
  TENANT_SUSPENDED: { status: 403, expose: true },
  TENANT_MAINTENANCE: { status: 503, expose: true, retryAfter: 60 },
  TENANT_ARCHIVED: { status: 410, expose: true },
  TENANT_OUTDATED: { status: 503, expose: false, retryAfter: 1 },
  TENANT_MOVING: { status: 503, expose: true, retryAfter: 2 },
  MIGRATIONS_PENDING: { status: 503, expose: false, retryAfter: 30 },

  // Central lacks tables, which are made by the deployment.
  CENTRAL_INCOMPLETE: { status: 503, expose: false, retryAfter: 30 },

  // A server does not answer. This never means "no such tenant".
  STORE_UNAVAILABLE: { status: 503, expose: false, retryAfter: 1 },
  SERVER_UNAVAILABLE: { status: 503, expose: false, retryAfter: 1 },
  CONNECTIONS_EXHAUSTED: { status: 503, expose: false, retryAfter: 1 },

  // A tenant has its share.
  SHARE_EXHAUSTED: { status: 503, expose: false, retryAfter: 1 },
  BACKLOG_FULL: { status: 429, expose: true, retryAfter: 1 },

  // A change to a tenant is refused.
  TENANT_INVALID: { status: 422, expose: true },
  DOMAIN_INVALID: { status: 422, expose: true },
  ISOLATION_UNKNOWN: { status: 422, expose: true },
  TENANT_EXISTS: { status: 409, expose: true },
  DOMAIN_TAKEN: { status: 409, expose: true },
  DOMAIN_UNPROVED: { status: 409, expose: true },
  TRANSITION_REFUSED: { status: 409, expose: true },
  TENANT_CHANGED: { status: 412, expose: true },
  TENANT_BUSY: { status: 409, expose: true, retryAfter: 5 },
  VETOED: { status: 409, expose: true },

  // A step of a tenant's lifecycle fails.
  PROVISION_FAILED: { status: 500, expose: false },
  MIGRATE_FAILED: { status: 500, expose: false },
  MIGRATION_UNKNOWN: { status: 422, expose: true },
  REMOVE_FAILED: { status: 500, expose: false },
  MOVE_FAILED: { status: 500, expose: false },

  // An archive cannot be made or used.
  ARCHIVE_INVALID: { status: 422, expose: true },
  ARCHIVE_REFUSED: { status: 422, expose: true },
  EXPORT_FAILED: { status: 500, expose: false },

  // Data would cross from one tenant to another.
  ENTITY_OUT_OF_SCOPE: { status: 500, expose: false },
  CROSS_TENANT: { status: 500, expose: false },
  SCHEMA_REFUSED: { status: 500, expose: false },
  STATEMENT_REFUSED: { status: 500, expose: false },
} as const;

/** Distinguishes the causes of a `TenancyError`. */
export type TenancyErrorCode = keyof typeof errorCodes;

/** Properties of a `TenancyError` besides its code and message. */
export interface TenancyErrorOptions {
  /** The id of the tenant concerned. */
  readonly tenant?: string | undefined;
  /** The underlying error; kept without its credentials. */
  readonly cause?: unknown;
}

const brand: unique symbol = Symbol.for('omnitenant.TenancyError') as never;

/** The only error class of omnitenant. Its message says what happened, to which tenant, and what to do. It never contains a credential. */
export class TenancyError extends Error {
  readonly code: TenancyErrorCode;
  readonly status: number;
  readonly expose: boolean;
  declare readonly tenant?: string;
  /** Headers for the response: `Retry-After` or `WWW-Authenticate`. */
  declare readonly headers?: Readonly<Record<string, string>>;

  constructor(code: TenancyErrorCode, message: string, { tenant, cause }: TenancyErrorOptions = {}) {
    super(redact(message), cause !== undefined ? { cause: withoutCredentials(cause) } : undefined);
    const { status, expose, retryAfter, challenge }: Answer = errorCodes[code];
    this.code = code;
    this.status = status;
    this.expose = expose;
    if (tenant !== undefined) this.tenant = tenant;
    if (retryAfter !== undefined) this.headers = { 'Retry-After': String(retryAfter) };
    if (challenge !== undefined) this.headers = { 'WWW-Authenticate': challenge };
  }

  /** The error as a web `Response`: `{ error: { code, message } }`. If the message is not exposed, the text of the status replaces it. */
  getResponse(): Response {
    const error = { message: STATUS_CODES[this.status] ?? 'Error', ...this.toJSON() };
    return Response.json({ error }, { status: this.status, headers: { ...this.headers } });
  }

  /** What a caller may see: the code, and the message if it is exposed. */
  toJSON(): { code: TenancyErrorCode; message?: string } {
    return this.expose ? { code: this.code, message: this.message } : { code: this.code };
  }
}

/** Whether an error says that the same may work a little later, as one of a server that does not answer. */
export function mayPass(error: unknown): boolean {
  return isTenancyError(error) && error.headers?.['Retry-After'] !== undefined;
}

/** No tenant has this id or domain. */
export function unknownTenant(named: string): TenancyError {
  return new TenancyError('TENANT_UNKNOWN', `There is no tenant ${quoted(named)}.`);
}

/** Refuses a request that names two tenants. */
export function namesTwo(): TenancyError {
  return new TenancyError('TENANT_UNRESOLVED', 'The request names two tenants; it must name one.');
}

/** The application's `authorize` refuses the request. */
export function tenantForbidden(id: string): TenancyError {
  return new TenancyError('TENANT_FORBIDDEN', `This request may not enter tenant "${id}".`, { tenant: id });
}

/** A tenant with this id already exists. */
export function tenantExists(id: string, cause?: unknown): TenancyError {
  const message = `Tenant "${id}" already exists; choose another id.`;
  return new TenancyError('TENANT_EXISTS', message, { tenant: id, cause });
}

/** The host already belongs to a tenant, or to central. */
export function domainTaken(
  domain: { readonly host: string; readonly tenantId: string },
  cause?: unknown,
): TenancyError {
  const message = `The domain "${domain.host}" is already taken; choose another.`;
  return new TenancyError('DOMAIN_TAKEN', message, { tenant: domain.tenantId, cause });
}

/** Another tenant had the host until lately. */
export function domainLeft({ host, tenantId }: { readonly host: string; readonly tenantId: string }): TenancyError {
  const message = `The domain "${host}" belonged to another tenant until recently. Try again later, or ask an operator to free it.`;
  return new TenancyError('DOMAIN_TAKEN', message, { tenant: tenantId });
}

/** There is no claim of the tenant to the host. */
export function domainUnclaimed({
  host,
  tenantId,
}: {
  readonly host: string;
  readonly tenantId: string;
}): TenancyError {
  const message = `Tenant "${tenantId}" has no claim to the domain "${host}"; claim it first.`;
  return new TenancyError('DOMAIN_UNPROVED', message, { tenant: tenantId });
}

/** The record was meant for an incarnation of the tenant that is not, or no longer, there. */
export function tenantOutdated(id: string): TenancyError {
  const message = `Tenant "${id}" is not the one that was meant: that one was removed, and another was created under its id. Nothing was changed.`;
  return new TenancyError('TENANT_OUTDATED', message, { tenant: id });
}

/** The record was changed since the caller read it. */
export function tenantChanged(id: string): TenancyError {
  const message = `Tenant "${id}" was changed since you read it. Read it again, and then decide.`;
  return new TenancyError('TENANT_CHANGED', message, { tenant: id });
}

/** Another process has taken the tenant over, because the holder of its lease did not renew it. */
export function leaseLost(id: string): TenancyError {
  const message = `Another process has taken over tenant "${id}", because this one was silent for too long. Look at the tenant's status.`;
  return new TenancyError('TENANT_BUSY', message, { tenant: id });
}

/** The tenant has none of the statuses that the change requires. */
export function transitionRefused(
  { id, status }: { readonly id: string; readonly status: string },
  required: readonly string[],
): TenancyError {
  const message = `Tenant "${id}" is in status "${status}"; this requires ${required.map((one) => `"${one}"`).join(' or ')}.`;
  return new TenancyError('TRANSITION_REFUSED', message, { tenant: id });
}

Object.defineProperty(TenancyError.prototype, 'name', { value: 'TenancyError', configurable: true, writable: true });
Object.defineProperty(TenancyError.prototype, brand, { value: true });

/** Whether `error` is a `TenancyError`, of this `code` if one is given. Recognises errors of other copies of the package. */
export function isTenancyError(error: unknown, code?: TenancyErrorCode): error is TenancyError {
  if (typeof error !== 'object' || error === null || !(brand in error)) return false;
  return code === undefined || (error as unknown as TenancyError).code === code;
}
