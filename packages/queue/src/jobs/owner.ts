import { currentScope, TenancyError, type Tenant } from '@omnitenant/core';
import type { JobsOptions } from 'bullmq';

/** Says of a job where it belongs: a tenant with the moment of its creation (`acme@mb3k2x`), `central`, or each tenant (`*`). */
export type Stamp = string;

export const central: Stamp = 'central';
export const eachTenant: Stamp = '*';

/** BullMQ keeps the options that it does not know, through retries, schedulers and flows; the data stays the user's. */
export interface StampedOptions extends JobsOptions {
  readonly tenant: Stamp;
}

/** Each job asks for its tenant's, and a tenant is a frozen snapshot that many scopes share. */
const stamps = new WeakMap<Pick<Tenant, 'id' | 'createdAt'>, Stamp>();

/** The stamp of this tenant, and of none that is made later under its id. */
export function stampOf(tenant: Pick<Tenant, 'id' | 'createdAt'>): Stamp {
  const known = stamps.get(tenant);
  if (known !== undefined) return known;
  const stamp = `${tenant.id}@${tenant.createdAt.getTime().toString(36)}`;
  stamps.set(tenant, stamp);
  return stamp;
}

/** The id of the tenant that a stamp names, or `undefined` where it names none. */
export function tenantIn(stamp: Stamp): string | undefined {
  const at = stamp.indexOf('@');
  return at > 0 ? stamp.slice(0, at) : undefined;
}

/** When the tenant was made that a stamp names, in milliseconds since the epoch. */
export function createdIn(stamp: Stamp): number {
  return Number.parseInt(stamp.slice(stamp.indexOf('@') + 1), 36);
}

/** The stamp of a stored job, whoever added it. */
export function stampIn(opts: object | undefined): Stamp | undefined {
  const stamp = (opts as Partial<StampedOptions> | undefined)?.tenant;
  return typeof stamp === 'string' ? stamp : undefined;
}

/** The stamp of the current scope, or `undefined` outside. */
export function currentStamp(): Stamp | undefined {
  const scope = currentScope();
  if (scope === undefined) return undefined;
  return scope.kind === 'central' ? central : stampOf(scope.tenant);
}

/** The error of one who adds a job in no scope. */
export function outsideScope(queue: string): TenancyError {
  const message = `A job is added to "${queue}" outside a scope; add it in tenancy.run(), or in tenancy.central() where it is nobody's.`;
  return new TenancyError('OUTSIDE_SCOPE', message);
}

/** The ids that people choose are each scope's own: two tenants may choose the same. */
export function ownId(stamp: Stamp, id: string): string {
  return id.startsWith(`${stamp}.`) ? id : `${stamp}.${id}`;
}

/** The options that a job of this stamp is added with. */
export function stamped<O extends JobsOptions>(stamp: Stamp, opts: O | undefined): O & StampedOptions {
  const own = { ...(opts as O), tenant: stamp };
  if (opts?.jobId !== undefined) own.jobId = ownId(stamp, opts.jobId);
  if (opts?.deduplication !== undefined) {
    own.deduplication = { ...opts.deduplication, id: ownId(stamp, opts.deduplication.id) };
  }
  return own;
}
