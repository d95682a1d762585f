import { TenancyError, type Tenant } from '@omnitenant/core';
import { isTenantId, type TenantStore } from '@omnitenant/core/extend';
import type { Pools } from '../../connections/pools.ts';
import { type PlacementContext, placeTenant } from '../../placement/place-tenant.ts';
import { placementOf } from '../../placement/placement.ts';
import type { RowWall } from '../../placement/row-login.ts';
import type { Database } from '../../sql/client.ts';
import { examineRows, examineUnused, type RowFindings } from './examine.ts';
import type { SharedSchema } from './prepare.ts';
import { takeOverRows } from './take-over.ts';

/** The schemas whose tables tenants of isolation `row` share. */
export interface SharedTables {
  /** Examines each schema in which a tenant shares tables. It changes nothing. */
  examine(): Promise<readonly SharedSchemaReport[]>;
  /**
   * Makes a schema with its tables and rows one that tenants share, and protects it: tables of the application from before it had
   * tenants, or from an earlier version of this package. Until then its tenants are refused. On a schema that is shared already, it
   * protects what is not protected yet. It is all or nothing.
   *
   * @throws PROVISION_FAILED where the schema is not there or somebody else's, CONFIG_INVALID where the login may not do it,
   * MIGRATE_FAILED where something in it cannot be protected, or stays in use.
   */
  takeOver(options?: TakeOverOptions): Promise<TakenOver>;
}

/** The result of examining a shared schema. */
export interface SharedSchemaReport {
  readonly server: string;
  readonly database: string;
  readonly schema: string;
  /** The number of its tenants. */
  readonly tenants: number;
  /** Whether its tenants have a login of their own, which keeps hostile SQL in one of them out of the others: the option `rows`. */
  readonly wall: 'on' | 'off';
  /** What its tenants could reach and must not, in words. They are not served until it is put right. */
  readonly open: readonly string[];
  /** What is not as it should be, and is reached by no tenant. */
  readonly closed: readonly string[];
  /** The SQL that a database administrator has to run. What is not in it, `takeOver` does. */
  readonly sql: readonly string[];
}

/** The schema to take over, and the owner of its rows. */
export interface TakeOverOptions {
  /** Default: the schema that new tenants share. */
  readonly schema?: string | undefined;
  /** Default: central's. */
  readonly database?: string | undefined;
  /** Default: that of the configuration. */
  readonly server?: string | undefined;
  /** The id of the tenant that rows without a `tenant_id` belong to. */
  readonly rowsOf?: string | undefined;
  /** How long tables that are in use are waited for, in milliseconds; then the error names who uses them. Default: 30 000. */
  readonly waitMs?: number | undefined;
}

/** The result of a take-over. */
export interface TakenOver {
  readonly schema: string;
  /** The ids of the recorded tenants that were refused before, and are served now. */
  readonly tenants: readonly string[];
  /** The values of `tenant_id` that no tenant has yet. Create those tenants with `tenancy.tenants.adopt`. */
  readonly unclaimed: readonly string[];
}

/** What shared tables are examined and taken over with. */
export interface SharedTablesOptions {
  readonly pools: Pools;
  readonly store: TenantStore;
  readonly placing: PlacementContext;
  readonly central: Database;
  readonly logTable: () => Promise<string>;
  readonly wall: RowWall | undefined;
}

export function sharedTables({ pools, store, placing, central, logTable, wall }: SharedTablesOptions): SharedTables {
  async function sharing({ server, database, schema }: SharedSchema): Promise<Tenant[]> {
    const found: Tenant[] = [];
    for await (const tenant of store.all({ isolation: 'row' })) {
      const placement = placementOf(tenant);
      if (placement.server === server && placement.database === database && placement.schema === schema) {
        found.push(tenant);
      }
    }
    return found;
  }

  async function find(placement: SharedSchema, tenants: number): Promise<RowFindings> {
    if (tenants === 0) return examineUnused(pools, placement, central, wall);
    return examineRows(pools, placement, central, { logTable: await logTable(), wall });
  }

  return {
    async examine() {
      const schemas = new Map<string, { placement: SharedSchema; tenants: number; isFormer: boolean }>();
      for await (const tenant of store.all({ isolation: 'row' })) {
        const { server, database, schema, role = '', key } = placementOf(tenant);
        const isFormer = key === undefined;
        const name = JSON.stringify([server, database, schema, isFormer || role]);
        const tenants = (schemas.get(name)?.tenants ?? 0) + 1;
        schemas.set(name, { placement: { server, database, schema, role }, tenants, isFormer });
      }
      if (schemas.size === 0 && placing.isolation === 'row') {
        const { role = '', ...unused } = placeTenant({ id: 'none' }, placing).placement;
        schemas.set('', { placement: { ...unused, role }, tenants: 0, isFormer: false });
      }
      const reports: SharedSchemaReport[] = [];
      for (const { placement, tenants, isFormer } of schemas.values()) {
        const { server, database, schema } = placement;
        const findings = isFormer ? ofFormer(tenants) : await find(placement, tenants);
        reports.push({ server, database, schema, tenants, ...findings });
      }
      return reports;
    },

    async takeOver({ rowsOf, schema, database, server, waitMs = 30_000 } = {}) {
      const draft = { id: rowsOf ?? 'none', isolation: 'row', placement: defined({ schema, database, server }) };
      const placed = placeTenant(draft, placing).placement;
      if (rowsOf !== undefined && !isTenantId(rowsOf)) throw noId(rowsOf);
      const tenants = await sharing({ ...placed, role: '' });
      const shared = tenants.find(({ placement: { key } }) => key !== undefined)?.placement['role'];
      const placement: SharedSchema = { ...placed, role: shared ?? placed.role ?? '' };
      const recorded = new Set(tenants.map(({ id, placement: { key } }) => key ?? id));
      const how = { logTable: await logTable(), rowsOf, recorded, wall, waitMs };
      const unclaimed = await takeOverRows(pools, { placement, central, ...how });
      const former = tenants.filter(({ placement: { key } }) => key === undefined);
      for (const { id, placement: before } of former) {
        await store.update(id, { placement: { ...before, role: placement.role, key: id } });
      }
      return { schema: placement.schema, tenants: former.map(({ id }) => id), unclaimed };
    },
  };
}

function ofFormer(tenants: number): RowFindings {
  const who = tenants === 1 ? 'a tenant' : `${tenants} tenants`;
  const open = [
    `${who} of an earlier version, whose tables were protected in another way, wait for omnitenant take-over`,
  ];
  return { wall: 'off', open, closed: [], sql: [] };
}

function defined(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

function noId(id: string): TenancyError {
  return new TenancyError('TENANT_INVALID', `"${id}" can be no tenant's id, so no rows can be its own.`, {
    tenant: id,
  });
}
