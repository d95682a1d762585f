import type { Tenant } from '@omnitenant/core';
import type { Pools } from '../connections/pools.ts';
import type { Marks } from '../isolation/marks.ts';
import { type Contents, isTaken } from '../isolation/storage.ts';
import { type OrmPlacement, placementOf } from '../placement/placement.ts';
import type { Database } from '../sql/client.ts';
import { codeOf, sqlState } from '../sql/error-codes.ts';
import { quoteName, quoteText } from '../sql/quote.ts';
import type { Found, ReadyKind } from './ready-kind.ts';

/** What a tenant takes storage with. */
export interface TakeParts {
  readonly pools: Pools;
  readonly marks: Marks;
  readonly kind: ReadyKind;
  /** Where the statements are sent that rename the storage. */
  readonly on: Database;
  /** The mark of what may be taken. */
  readonly mark: string;
  /** Records the tenant's version, where that is in the same database. */
  readonly record: Contents['record'] | undefined;
}

/**
 * Makes one of these the storage of a tenant, under the names of its placement, in one transaction: PostgreSQL lets one process rename
 * it, and a process that is killed leaves it ready, or the tenant's. Returns whether there was one.
 */
export async function takeOne(parts: TakeParts, found: readonly Found[], tenant: Tenant): Promise<boolean> {
  for (const one of inAnyOrder(found)) {
    try {
      await parts.pools.query(parts.on, takeSql(parts, one, tenant));
      return true;
    } catch (error) {
      // What has the tenant's names keeps them, and whoever creates the tenant is told so.
      if (isTaken(error, parts.kind.isolation) || isTaken(error, 'role')) return false;
      if (!isGone(error)) throw error;
    }
  }
  return false;
}

/**
 * Makes ready storage belong to the tenant that it was made for again, so that nobody takes it and it can be destroyed. Returns whether it was
 * still there.
 */
export async function withdraw(
  { pools, marks, kind, on }: Omit<TakeParts, 'record' | 'mark'>,
  { name, mark }: Found,
  unnamed: Tenant,
): Promise<boolean> {
  try {
    await pools.query(on, [...onlyReady(kind, name, mark), kind.mark(name, marks.owner(unnamed))].join(';\n'));
    return true;
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

function takeSql({ marks, kind, mark, record }: TakeParts, { name, owner }: Found, tenant: Tenant): string {
  const placement = placementOf(tenant);
  const own = kind.nameIn(placement);
  return [
    ...onlyReady(kind, name, mark),
    kind.rename(name, own),
    kind.mark(own, marks.owner(tenant)),
    ...takeRole(placement, owner, marks.owner(tenant)),
    ...(record ? [record(tenant)] : []),
  ].join(';\n');
}

function takeRole({ role }: OrmPlacement, owner: string, mark: string): string[] {
  if (role === undefined) return [];
  const name = quoteName(role);
  return [`alter role ${quoteName(owner)} rename to ${name}`, `comment on role ${name} is ${quoteText(mark)}`];
}

/** SQL that waits for others who rename it, and fails where it is not ready any more. */
function onlyReady(kind: ReadyKind, name: string, mark: string | null): string[] {
  return [
    `select pg_advisory_xact_lock(hashtextextended(${quoteText(`omnitenant:ready:${name}`)}, 0))`,
    `do $ready$ begin if ${kind.markOf(name)} is distinct from ${quoteText(mark ?? '')} then
       raise exception 'not ready' using errcode = '${sqlState.undefinedObject}'; end if; end $ready$`,
  ];
}

/** Whether another process has taken it, or somebody is connected to it. */
function isGone(error: unknown): boolean {
  const gone: readonly string[] = [
    sqlState.undefinedObject,
    sqlState.undefinedSchema,
    sqlState.undefinedDatabase,
    sqlState.objectInUse,
  ];
  return gone.includes(codeOf(error));
}

/** So that processes that take at the same time seldom meet. */
function inAnyOrder<T>(values: readonly T[]): T[] {
  return values
    .map((value) => ({ value, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value);
}
