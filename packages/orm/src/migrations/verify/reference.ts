import { randomBytes } from 'node:crypto';
import { isTenancyError, TenancyError, type Tenant } from '@omnitenant/core';
import type { Pools } from '../../connections/pools.ts';
import type { ReferenceTables } from '../../isolation/row/reference.ts';
import type { TenantStorage } from '../../isolation/storage.ts';
import { placementOf, sharesTables } from '../../placement/placement.ts';
import { sharedPlacement } from '../../placement/shared-placement.ts';
import type { Database } from '../../sql/client.ts';
import { quoteText } from '../../sql/quote.ts';
import type { MigrateTarget } from '../migrate-target.ts';
import { tenantTarget } from '../migration-target.ts';
import { upTo } from '../operation.ts';
import type { CatalogueItem } from './differences.ts';
import type { StorageReader } from './read-storage.ts';

/** What a tenant with certain migrations has to be like. */
interface Reference {
  readonly fingerprint: string;
  readonly digest: string;
  readonly items: readonly CatalogueItem[];
}

/** What references are made with. */
export interface ReferenceParts {
  readonly pools: Pools;
  readonly storages: Readonly<Record<string, TenantStorage>>;
  readonly sharedTables: ReferenceTables;
  readonly migrateTarget: MigrateTarget;
  readonly reader: StorageReader;
}

/**
 * Gives the reference for a tenant with these migrations: what the code makes of an empty schema or database, which is created beside the
 * tenant's and dropped again. What most tenants have proves nothing: all of them may lack the same index.
 */
export type References = (like: Tenant, applied: readonly string[]) => Promise<Reference>;

export function referencesWith(parts: ReferenceParts): References {
  const known = new Map<string, Promise<Reference>>();
  return (like, applied) => {
    const key = JSON.stringify([serverKey(like), ...applied]);
    const made = known.get(key);
    if (made) return made;
    const reference = make(parts, like, applied);
    known.set(key, reference);
    // One that found no connection while the tenants were read is made again when it is needed.
    reference.catch(() => known.delete(key));
    return reference;
  };
}

/** Where one reference will do for all tenants. */
function serverKey(tenant: Tenant): readonly unknown[] {
  const { server, url, database } = placementOf(tenant);
  return [server, url, tenant.isolation === 'database' || database, sharesTables(tenant)];
}

async function make(
  { pools, migrateTarget, reader, ...parts }: ReferenceParts,
  like: Tenant,
  applied: readonly string[],
): Promise<Reference> {
  const storage = scratchStorage(parts, like);
  await dropAbandoned(pools, storage, like);
  const scratch = scratchOf(like, Date.now(), randomBytes(3).toString('hex'));
  const placement = placementOf(scratch);
  await storage.create(scratch);
  try {
    await migrateTarget(tenantTarget(scratch), upTo(applied));
    const { schema } = placement;
    const items = await reader.items(placement, schema);
    // There is one such schema in a database, so its items are compared at once.
    if (sharesTables(like)) return { fingerprint: '', digest: '', items };
    const [found, digests] = await Promise.all([reader.read(placement, [schema]), reader.digests(placement, [schema])]);
    return { fingerprint: found.get(schema)?.fingerprint ?? '', digest: digests.get(schema) ?? '', items };
  } catch (cause) {
    throw cannotCompare(applied, cause);
  } finally {
    await storage.destroy(scratch);
  }
}

/** What makes and drops the storage of a reference. */
type ScratchStorage = Pick<TenantStorage, 'destroy'> & { create(tenant: Tenant): Promise<unknown> };

function scratchStorage(
  { storages, sharedTables }: Pick<ReferenceParts, 'storages' | 'sharedTables'>,
  like: Tenant,
): ScratchStorage {
  if (!sharesTables(like)) return storages[like.isolation] as TenantStorage;
  return {
    create: (tenant) => sharedTables.create(sharedPlacement(tenant)),
    destroy: (tenant) => sharedTables.drop(sharedPlacement(tenant)),
  };
}

function prefixOf(like: Tenant): string {
  return sharesTables(like) ? 'omnitenant_rows_reference_' : 'omnitenant_reference_';
}

/** A tenant without a record. Its name tells when it was made, so that one that a killed process has left can be dropped by the next. */
function scratchOf(like: Tenant, createdAt: number, suffix: string): Tenant {
  const { server, url, schema } = placementOf(like);
  const name = `${prefixOf(like)}${createdAt.toString(36)}_${suffix}`;
  const isOwnDatabase = like.isolation === 'database';
  const placement = isOwnDatabase
    ? { server, database: name, schema, ...(url && { url }) }
    : {
        server,
        database: placementOf(like).database,
        schema: name,
        ...(sharesTables(like) && { role: name, key: name }),
      };
  // The URL of a server of its own opens for its tenant alone.
  return { ...like, id: url ? like.id : `reference-${suffix}`, placement, createdAt: new Date(createdAt) };
}

async function dropAbandoned(pools: Pools, storage: ScratchStorage, like: Tenant): Promise<void> {
  const names =
    like.isolation === 'database'
      ? 'select datname as name from pg_database'
      : 'select nspname as name from pg_namespace';
  const on: Database = placementOf(like);
  const found = await pools.query(
    on,
    `select name from (${names}) as names where starts_with(name, ${quoteText(prefixOf(like))})`,
  );
  for (const { name } of found) {
    const [, since = '', suffix = ''] = /_([0-9a-z]{8})_([0-9a-f]{6})$/.exec(name as string) ?? [];
    const createdAt = Number.parseInt(since, 36);
    if (createdAt < Date.now() - abandonedAfterMs) await storage.destroy(scratchOf(like, createdAt, suffix));
  }
}

const abandonedAfterMs = 3_600_000;

function cannotCompare(applied: readonly string[], cause: unknown): TenancyError {
  if (isTenancyError(cause) && cause.code !== 'MIGRATE_FAILED') return cause;
  const message =
    `The migrations up to "${applied.at(-1)}" fail in an empty schema, so the tables cannot be compared: ${reasonOf(cause)} ` +
    'New tenants cannot be created either.';
  return new TenancyError('MIGRATE_FAILED', message, { cause });
}

function reasonOf(cause: unknown): string {
  const { message } = (cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause) as Error;
  return message.endsWith('.') ? message : `${message}.`;
}
