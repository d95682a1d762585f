import { TenancyError, type Tenant } from '@omnitenant/core';
import type { Pools } from '../connections/pools.ts';
import type { TenantStorage } from '../isolation/storage.ts';
import { disconnectAll } from '../isolation/template.ts';
import type { OpenMigrations } from '../migrations/open-migrations.ts';
import { type Isolation, placementOf } from '../placement/placement.ts';
import type { Database } from '../sql/client.ts';
import { quoteName, quoteText } from '../sql/quote.ts';
import type { ReadyKind } from './ready-kind.ts';

/** What storage is made ahead with. */
export interface MakeParts {
  readonly pools: Pools;
  readonly storages: Readonly<Record<Isolation, TenantStorage>>;
  readonly migrations: Pick<OpenMigrations, 'contents' | 'migrate'>;
  /** Fills it with what each tenant begins with. */
  readonly prepare: (tenant: Tenant) => Promise<unknown>;
}

/** What is made, and what says that it is ready. */
export interface MakeWish {
  readonly kind: ReadyKind;
  /** Where the statement is sent that marks it. */
  readonly on: Database;
  readonly mark: string;
}

/** Makes storage as for a tenant, and marks it when it is whole. What fails leaves nothing. */
export async function makeReady(parts: MakeParts, { kind, on, mark }: MakeWish, unnamed: Tenant): Promise<void> {
  const { pools, migrations } = parts;
  const storage = parts.storages[kind.isolation];
  const placement = placementOf(unnamed);
  const provisioned = await storage.create(unnamed, await migrations.contents(unnamed));
  try {
    if (provisioned === 'empty') await migrations.migrate(unnamed);
    await parts.prepare(unnamed);
    if (kind.isolation === 'schema') await refuseFixedPaths(pools, unnamed);
    else {
      // A database can be renamed only while nobody is connected to it.
      await pools.close(placement);
      await disconnectAll(pools, on, placement.database);
    }
    await pools.query(on, kind.mark(kind.nameIn(placement), mark));
  } catch (error) {
    await storage.destroy(unnamed);
    throw error;
  }
}

/** @throws PROVISION_FAILED where something has kept the name of the schema as text, which the tenant's schema will not have. */
async function refuseFixedPaths(pools: Pools, unnamed: Tenant): Promise<void> {
  const placement = placementOf(unnamed);
  const found = await pools.query(
    placement,
    `select proname as name from pg_proc where pronamespace = to_regnamespace(${quoteText(quoteName(placement.schema))})
     and strpos(concat_ws(' ', prosrc, array_to_string(proconfig, ' ')), ${quoteText(placement.schema)}) > 0 limit 1`,
  );
  if (found.length === 0) return;
  throw new TenancyError(
    'PROVISION_FAILED',
    `No schema can be created in advance: the function "${found[0]?.name}" stores the name of its schema (in its text, or by set search_path from current), ` +
      'and a schema that is made ahead gets another name. Leave the name out of the migration.',
  );
}
