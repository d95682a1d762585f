import { isTenancyError } from '../errors/errors.ts';
import { redact } from '../errors/redact.ts';
import type { Tenant, TenantStatus } from '../models/tenant.ts';
import type { HealthProbe, HealthWarning } from '../resource.ts';
import { outside } from '../scope/context.ts';
import type { TenantStore } from '../stores/store.ts';

/** Whether a process can serve, with the checks that were run. It contains no credential, and names tenants only if asked to. */
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
  /** The ids of a few tenants that someone should look at, with the option `nameTenants`. */
  readonly tenants?: readonly string[] | undefined;
}

/** How health is looked at. */
export interface HealthOptions {
  /** How long a check may take, in milliseconds. Default: 2000. */
  readonly timeoutMs?: number | undefined;
  /** Whether checks name a few of the tenants that they are about. Default: false, as anyone may read health at many places. */
  readonly nameTenants?: boolean | undefined;
}

/** Runs all checks at once. Whoever asks while they run gets the same answer, so that many probes cost one. */
export function createHealth(probes: readonly HealthProbe[], isClosed: () => boolean) {
  let flight: Promise<Health> | undefined;

  async function look(timeoutMs: number): Promise<Health> {
    if (isClosed()) return { live: false, ready: false, checks: [] };
    const checks = await Promise.all(probes.map((probe) => run(probe, timeoutMs)));
    return { live: !isClosed(), ready: !isClosed() && checks.every(({ status }) => status !== 'failed'), checks };
  }

  return async ({ timeoutMs = 2_000, nameTenants = false }: HealthOptions = {}): Promise<Health> => {
    flight ??= outside(() => look(timeoutMs)).finally(() => {
      flight = undefined;
    });
    const health = await flight;
    return nameTenants ? health : { ...health, checks: health.checks.map(({ tenants, ...check }) => check) };
  };
}

async function run(probe: HealthProbe, timeoutMs: number): Promise<HealthCheck> {
  const start = performance.now();
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`No answer within ${timeoutMs} ms.`)), timeoutMs);
  const outcome = await Promise.race([Promise.resolve().then(() => probe.check()), late]).then(
    (warning): Outcome => {
      if (!warning) return { status: 'ok' };
      return { status: 'warning', ...(typeof warning === 'string' ? { reason: warning } : warning) };
    },
    (error: unknown): Outcome => ({ status: 'failed', reason: reasonOf(error) }),
  );
  clearTimeout(timer);
  return { name: probe.name, ms: Math.round(performance.now() - start), ...outcome };
}

type Outcome = Pick<HealthCheck, 'status' | 'reason' | 'tenants'>;

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

/** As many tenants are named. */
const namedTenants = 3;

/** A warning that names the first few of the tenants that it is about. */
export function warningOf(reason: string, tenants: Iterable<string>): HealthWarning {
  return { reason, tenants: [...new Set(tenants)].slice(0, namedTenants) };
}

async function stuckTenants<T extends Tenant>(store: TenantStore<T>): Promise<HealthWarning | undefined> {
  const found: string[] = [];
  const ids: string[] = [];
  for (const status of ['failed', 'provisioning', 'removing'] satisfies TenantStatus[]) {
    const stuck = await stuckIn(store, status);
    if (stuck.length > 0) found.push(`${stuck.length === countedTenants ? 'at least ' : ''}${stuck.length} ${status}`);
    ids.push(...stuck);
  }
  return found.length === 0 ? undefined : warningOf(`Tenants need repair or removal: ${found.join(', ')}.`, ids);
}

async function stuckIn<T extends Tenant>(store: TenantStore<T>, status: TenantStatus): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id, updatedAt } of store.all({ status })) {
    if (status === 'failed' || Date.now() - updatedAt.getTime() > stuckMs) ids.push(id);
    if (ids.length === countedTenants) break;
  }
  return ids;
}
