import { hostname } from 'node:os';
import type { OrmStats } from '@omnitenant/orm';
import type { HealthReport } from '../schemas/fleet.ts';
import type { ApiParts, Handlers } from './handlers.ts';
import { searchOf } from './tenant-view.ts';

type Names = 'operator' | 'fleet' | 'health' | 'stats' | 'connections';

/** The statuses of a tenant with complete storage. */
const migratable = ['active', 'suspended', 'maintenance', 'archived'];

/** What is true of the fleet, and of this process. */
export function fleetHandlers({ tenancy, orm }: ApiParts): Handlers<Names> {
  return {
    operator: async ({ operator: { id, permissions } }) => ({ id, permissions: [...permissions] }),

    async fleet() {
      const [counts, names] = await Promise.all([searchOf(orm).counts(), orm.migrations.names()]);
      const latest = names.at(-1) ?? null;
      const complete = counts.filter(({ status }) => migratable.includes(status));
      const sum = (all: typeof counts) => all.reduce((total, { tenants }) => total + tenants, 0);
      const by = (keyOf: (count: (typeof counts)[number]) => string) =>
        Object.fromEntries(Object.entries(Object.groupBy(counts, keyOf)).map(([key, all = []]) => [key, sum(all)]));
      return {
        total: sum(counts),
        status: by(({ status }) => status),
        isolation: by(({ isolation }) => isolation),
        server: by(({ server }) => server || 'unknown'),
        version: by(({ version }) => version || 'unknown'),
        latest,
        // Where only a tenant's own database knows its version, nobody is behind for certain.
        behind: latest === null ? 0 : sum(complete.filter(({ version }) => version !== '' && version !== latest)),
      };
    },

    async health(): Promise<HealthReport> {
      const { live, ready, checks } = await tenancy.health();
      return { live, ready, checks: checks.map((check) => ({ ...check, reason: check.reason ?? null })) };
    },

    async stats() {
      const { scopes, lookups } = tenancy.stats();
      return { scopes, lookups: { ...lookups } };
    },

    async connections() {
      const { servers }: Partial<OrmStats> = orm.stats();
      return { process: `${hostname()}:${process.pid}`, servers: { ...servers } };
    },
  };
}
