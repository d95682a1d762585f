import { tenantOutdated } from '../errors/errors.ts';
import { admit, isClosed } from '../lifecycle/admit.ts';
import type { TenantCache } from '../lookup/tenant-cache.ts';
import { isSameIncarnation } from '../models/incarnation.ts';
import type { Tenant } from '../models/tenant.ts';
import { actingAs, actingFor } from '../scope/acting.ts';
import type { Auditing } from '../signals/auditing.ts';
import type { SignalSender } from '../signals/signals.ts';

/** How a scope is entered by `run`. */
export interface RunOptions {
  /**
   * Enters the tenant although it is suspended, under maintenance or archived. It is for operators, and never for requests: the signal
   * `enteringClosed` keeps the record of it. Default: false.
   */
  readonly allowClosed?: boolean | undefined;
  /** The operator who enters the tenant, for the record: the signal `entering` tells of it. */
  readonly as?: string | undefined;
  /** Why, for the record. */
  readonly reason?: string | undefined;
}

type Run<T extends Tenant> = <R>(tenant: string | T, fn: (tenant: T) => R, options?: RunOptions) => Promise<Awaited<R>>;

/** What `run` needs of its tenancy. */
interface RunParts<T extends Tenant> {
  readonly cache: Pick<TenantCache<T>, 'find'>;
  readonly signals: SignalSender<T>;
  /** Records who enters a tenant that is closed, or says why. */
  readonly auditing: Auditing;
  enterTenant<R>(tenant: T, fn: (tenant: T) => R): Promise<Awaited<R>>;
}

/** The `run` of a tenancy: looks a tenant up, and enters it if that is allowed. */
export function createRun<T extends Tenant>({ cache, signals, auditing, enterTenant }: RunParts<T>): Run<T> {
  async function enterFor<R>(
    found: T | undefined,
    id: string,
    fn: (tenant: T) => R,
    { allowClosed = false, as, reason }: RunOptions,
  ): Promise<Awaited<R>> {
    const tenant = allowClosed && found !== undefined && isClosed(found) ? found : admit(found, id);
    const isNamed = as !== undefined || reason !== undefined;
    if (!isNamed && !isClosed(tenant)) return enterTenant(tenant, fn);
    return auditing<Awaited<R>>(
      { verb: 'enter', tenant: tenant.id, before: () => ({ status: tenant.status }) },
      async (): Promise<Awaited<R>> => {
        if (isNamed) await signals.emitBefore('entering', { tenant, reason });
        if (isClosed(tenant)) await signals.emitBefore('enteringClosed', { tenant, reason });
        return enterTenant(tenant, fn);
      },
    );
  }

  return async function run<R>(named: string | T, fn: (tenant: T) => R, options?: RunOptions): Promise<Awaited<R>> {
    const id = typeof named === 'string' ? named : named?.id;
    const found = cache.find(id);
    const tenant = found instanceof Promise ? await found : found;
    if (tenant !== undefined && typeof named !== 'string' && !isSameIncarnation(named, tenant))
      throw tenantOutdated(id);
    if (options === undefined) return enterTenant(admit(tenant, id), fn);
    return actingAs(actingFor(options), () => enterFor(tenant, id, fn, options));
  };
}
