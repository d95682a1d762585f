import { STATUS_CODES } from 'node:http';
import { quoted } from './models/quoted.ts';
import { redact, withoutCredentials } from './redact.ts';

/** Every way in which tenancy fails: the HTTP status that it deserves, and whether its message may be shown to a caller. */
export const errorCodes = {
  // The application is set up wrongly, or uses a scope wrongly.
  CONFIG_INVALID: { status: 500, expose: false },
  OUTSIDE_SCOPE: { status: 500, expose: false },
  NOT_IN_TENANT: { status: 500, expose: false },
  SCOPE_ENDED: { status: 500, expose: false },
  RESOURCE_UNKNOWN: { status: 500, expose: false },
  JOB_WITHOUT_TENANT: { status: 500, expose: false },
  CREDENTIALS_UNREADABLE: { status: 500, expose: false },

  // A request does not get in.
  TENANT_UNRESOLVED: { status: 400, expose: true },
  TENANT_UNKNOWN: { status: 404, expose: false },
  TENANT_SUSPENDED: { status: 403, expose: true },
  TENANT_MAINTENANCE: { status: 503, expose: true },
  TENANT_ARCHIVED: { status: 410, expose: true },
  MIGRATIONS_PENDING: { status: 503, expose: false },

  // Something that tenancy needs does not answer: never told as "no such tenant".
  STORE_UNAVAILABLE: { status: 503, expose: false },
  SERVER_UNAVAILABLE: { status: 503, expose: false },
  CONNECTIONS_EXHAUSTED: { status: 503, expose: false },

  // A change to a tenant is refused.
  TENANT_INVALID: { status: 422, expose: true },
  DOMAIN_INVALID: { status: 422, expose: true },
  ISOLATION_UNKNOWN: { status: 422, expose: true },
  TENANT_EXISTS: { status: 409, expose: true },
  DOMAIN_TAKEN: { status: 409, expose: true },
  TRANSITION_REFUSED: { status: 409, expose: true },
  VETOED: { status: 409, expose: true },

  // A step of a tenant's lifecycle fails.
  PROVISION_FAILED: { status: 500, expose: false },
  MIGRATE_FAILED: { status: 500, expose: false },
  MIGRATION_UNKNOWN: { status: 422, expose: true },
  REMOVE_FAILED: { status: 500, expose: false },

  // Data would leave its tenant.
  ENTITY_OUT_OF_SCOPE: { status: 500, expose: false },
  CROSS_TENANT: { status: 500, expose: false },
  SCHEMA_REFUSED: { status: 500, expose: false },
  STATEMENT_REFUSED: { status: 500, expose: false },
} as const;

/** The code that tells one `TenancyError` from another. */
export type TenancyErrorCode = keyof typeof errorCodes;

/** What a `TenancyError` carries besides its code and message. */
export interface TenancyErrorOptions {
  /** The id of the tenant that it happened to. */
  readonly tenant?: string | undefined;
  /** What it was caused by; kept without its credentials. */
  readonly cause?: unknown;
  /** Response headers, such as `Retry-After` (seconds). */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

const brand: unique symbol = Symbol.for('omnitenant.TenancyError') as never;

/** The one error of omnitenant: its message says what happened, to which tenant and what to do, and never holds a credential. */
export class TenancyError extends Error {
  readonly code: TenancyErrorCode;
  readonly status: number;
  readonly expose: boolean;
  declare readonly tenant?: string;
  declare readonly headers?: Readonly<Record<string, string>>;

  constructor(code: TenancyErrorCode, message: string, options: TenancyErrorOptions = {}) {
    super(redact(message), options.cause !== undefined ? { cause: withoutCredentials(options.cause) } : undefined);
    this.code = code;
    this.status = errorCodes[code].status;
    this.expose = errorCodes[code].expose;
    if (options.tenant !== undefined) this.tenant = options.tenant;
    if (options.headers !== undefined) this.headers = options.headers;
  }

  /** The error as a web `Response`: `{ error: { code, message } }`, the status' own text where the message is not exposed. */
  getResponse(): Response {
    const error = { message: STATUS_CODES[this.status] ?? 'Error', ...this.toJSON() };
    return Response.json({ error }, { status: this.status, headers: { ...this.headers } });
  }

  /** What a caller may see: the code, and the message where it is exposed. */
  toJSON(): { code: TenancyErrorCode; message?: string } {
    return { code: this.code, ...(this.expose ? { message: this.message } : {}) };
  }
}

/** No tenant has that id or domain. */
export function unknownTenant(named: string): TenancyError {
  return new TenancyError('TENANT_UNKNOWN', `There is no tenant ${quoted(named)}.`);
}

/** A tenant of that id exists already. */
export function tenantExists(id: string, cause?: unknown): TenancyError {
  return new TenancyError('TENANT_EXISTS', `There is a tenant "${id}" already; choose another id.`, {
    tenant: id,
    cause,
  });
}

/** The host leads to a tenant already, or to central. */
export function domainTaken(
  domain: { readonly host: string; readonly tenantId: string },
  cause?: unknown,
): TenancyError {
  const message = `The domain "${domain.host}" is taken; choose another.`;
  return new TenancyError('DOMAIN_TAKEN', message, { tenant: domain.tenantId, cause });
}

/** The tenant is in none of the statuses that the change requires. */
export function transitionRefused(
  { id, status }: { readonly id: string; readonly status: string },
  required: readonly string[],
): TenancyError {
  const message = `Tenant "${id}" is in status "${status}"; this requires ${required.map((one) => `"${one}"`).join(' or ')}.`;
  return new TenancyError('TRANSITION_REFUSED', message, { tenant: id });
}

Object.defineProperty(TenancyError.prototype, 'name', { value: 'TenancyError', configurable: true, writable: true });
Object.defineProperty(TenancyError.prototype, brand, { value: true });

/** Whether `error` is a `TenancyError` (and of that `code`), whichever copy of the package made it. */
export function isTenancyError(error: unknown, code?: TenancyErrorCode): error is TenancyError {
  if (typeof error !== 'object' || error === null || !(brand in error)) return false;
  return code === undefined || (error as unknown as TenancyError).code === code;
}
