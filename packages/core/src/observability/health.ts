import { isTenancyError } from '../errors/errors.ts';
import { redact } from '../errors/redact.ts';
import type { Tenant, TenantStatus } from '../models/tenant.ts';
import type { HealthProbe } from '../resource.ts';
import { outside } from '../scope/context.ts';
import type { TenantStore } from '../stores/store.ts';

/** Whether a process can serve, with the checks that were run. It contains no credential and no tenant's name. */
export interface Health {
  /** Whether the process should go on: false once the tenancy is closed. */
  readonly live: boolean;
  /** Whether it should get requests: no check has failed. */
  readonly ready: boolean;
  readonly checks: readonly HealthCheck[];
}

/** The outcome of one check. */
export interface HealthCheck {
  /** What was looked at, such as `store` or `orm: server eu`. */
  readonly name: string;
  /** `warning`: someone should look at it, and requests are served. */
  readonly status: 'ok' | 'warning' | 'failed';
  /** How long it took, in milliseconds. */
  readonly ms: number;
  readonly reason?: string | undefined;
}

/** How health is looked at. */
export interface HealthOptions {
  /** How long a check may take, in milliseconds. Default: 2000. */
  readonly timeoutMs?: number | undefined;
}

/** Runs all checks at once. Whoever asks while they run gets the same answer, so that many probes cost one. */
export function createHealth(probes: readonly HealthProbe[], isClosed: () => boolean) {
  let flight: Promise<Health> | undefined;

  async function look(timeoutMs: number): Promise<Health> {
    if (isClosed()) return { live: false, ready: false, checks: [] };
    const checks = await Promise.all(probes.map((probe) => run(probe, timeoutMs)));
    return { live: !isClosed(), ready: !isClosed() && checks.every(({ status }) => status !== 'failed'), checks };
  }

  return ({ timeoutMs = 2_000 }: HealthOptions = {}): Promise<Health> => {
    flight ??= outside(() => look(timeoutMs)).finally(() => {
      flight = undefined;
    });
    return flight;
  };
}

async function run(probe: HealthProbe, timeoutMs: number): Promise<HealthCheck> {
  const start = performance.now();
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`No answer within ${timeoutMs} ms.`)), timeoutMs);
  const outcome = await Promise.race([Promise.resolve().then(() => probe.check()), late]).then(
    (warning): Pick<HealthCheck, 'status' | 'reason'> =>
      warning ? { status: 'warning', reason: warning } : { status: 'ok' },
    (error: unknown): Pick<HealthCheck, 'status' | 'reason'> => ({ status: 'failed', reason: reasonOf(error) }),
  );
  clearTimeout(timer);
  return { name: probe.name, ms: Math.round(performance.now() - start), ...outcome };
}

function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return redact(isTenancyError(error) ? `${error.code}: ${message}` : message);
}

/** Whether the store answers, and whether tenants are in a state that somebody has to lead them out of. */
export function storeProbes<T extends Tenant>(store: TenantStore<T>): readonly HealthProbe[] {
  return [
    { name: 'store', check: async () => void (await store.find('omnitenant-health')) },
    { name: 'tenants', check: () => stuckTenants(store) },
  ];
}

/** More than that are not counted. */
const countedTenants = 100;

/** What was begun with a tenant longer ago than that is stuck, in milliseconds. */
const stuckMs = 10 * 60_000;

async function stuckTenants<T extends Tenant>(store: TenantStore<T>): Promise<string | undefined> {
  const found: string[] = [];
  for (const status of ['failed', 'provisioning', 'removing'] satisfies TenantStatus[]) {
    const count = await countStuck(store, status);
    if (count > 0) found.push(`${count === countedTenants ? 'at least ' : ''}${count} ${status}`);
  }
  return found.length === 0 ? undefined : `Tenants need repair or removal: ${found.join(', ')}.`;
}

async function countStuck<T extends Tenant>(store: TenantStore<T>, status: TenantStatus): Promise<number> {
  let count = 0;
  for await (const { updatedAt } of store.all({ status })) {
    if (status === 'failed' || Date.now() - updatedAt.getTime() > stuckMs) count += 1;
    if (count === countedTenants) break;
  }
  return count;
}
