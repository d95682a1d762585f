import { isTenancyError, type Tenancy, type Tenant, type TenantInput, type TenantResource } from '@omnitenant/core';
import { type Reset, resetOf } from './reset.ts';
import { runNames } from './run-names.ts';
import type { TestEntityManager } from './session.ts';
import { testMark } from './sweep.ts';

/** What a test tenant is created from, besides its id and domain. */
export type TestTenantInput<T extends Tenant = Tenant> = Omit<TenantInput<T>, 'id' | 'domains'>;

/** Makes tenants for tests, and keeps those that can serve again. */
export interface TenantSupply<T extends Tenant> {
  take(input?: TestTenantInput<T>): Promise<T>;
  giveBack(tenant: T): Promise<void>;
  removeAll(): Promise<void>;
}

export interface TenantSupplyOptions<T extends Tenant> {
  readonly tenancy: Tenancy<T>;
  readonly orm: TenantResource<TestEntityManager>;
  readonly defaults: TestTenantInput<T> | undefined;
  /** Gives each tenant its domain, `<id>.test`. */
  readonly domains: boolean;
  readonly reuse: 'reset' | 'rollback' | undefined;
}

interface Made {
  /** What it was made from. */
  readonly key: string;
  readonly reset: Reset;
}

export function createSupply<T extends Tenant>({
  tenancy,
  orm,
  defaults,
  domains,
  reuse,
}: TenantSupplyOptions<T>): TenantSupply<T> {
  const { tenants } = tenancy;
  const newId = runNames();
  const made = new Map<string, Made>();
  const free = new Map<string, T[]>();

  async function create(input: TestTenantInput<T> | undefined, key: string): Promise<T> {
    const id = newId();
    made.set(id, { key, reset: async () => true });
    const given = { ...defaults, ...input };
    const config = { ...given.config, [testMark]: true };
    const hosts = domains ? [{ host: `${id}.test`, primary: true }] : [];
    const tenant = await tenants.create({ ...given, id, config, domains: hosts } as unknown as TenantInput<T>);
    if (reuse === 'reset') made.set(id, { key, reset: await resetOf(tenancy, orm, tenant) });
    return tenant;
  }
  async function remove(id: string): Promise<void> {
    await tenants.remove(id).catch(unlessUnknown);
    made.delete(id);
  }
  /** Whether its record is still the one that it was made with. */
  async function isUnchanged({ id, updatedAt }: T): Promise<boolean> {
    const found = await tenants.tryGet(id);
    return found?.status === 'active' && found.updatedAt.getTime() === updatedAt.getTime();
  }

  return {
    take: async (input) => {
      const key = JSON.stringify(input ?? {});
      return free.get(key)?.pop() ?? create(input, key);
    },
    giveBack: async (tenant) => {
      const { key, reset } = made.get(tenant.id) as Made;
      if (reuse && (await isUnchanged(tenant)) && (await reset())) free.set(key, [...(free.get(key) ?? []), tenant]);
      else await remove(tenant.id);
    },
    removeAll: async () => {
      for (const id of [...made.keys()]) await remove(id);
    },
  };
}

/** A test may remove its tenant itself, and one that could not be made is not there. */
function unlessUnknown(error: unknown): void {
  if (!isTenancyError(error) || error.code !== 'TENANT_UNKNOWN') throw error;
}
