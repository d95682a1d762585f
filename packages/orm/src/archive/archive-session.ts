import type { Tenant } from '@omnitenant/core';
import type { Pools } from '../connections/pools.ts';
import { extensionsOf, placementOf, sharesTables } from '../placement/placement.ts';
import { rowRoles } from '../placement/shared-tables.ts';
import { pinOf } from '../session/pin.ts';
import { lastOf, type QueryResult, type SqlClient } from '../sql/client.ts';
import { quoteName, quoteText } from '../sql/quote.ts';
import { withoutTimeLimits } from '../sql/time-limits.ts';

/** One transaction on one connection, in one tenant. */
export interface ArchiveSession {
  readonly client: SqlClient;
  readonly schema: string;
  /** The value of the tenant's column, where it shares tables. */
  readonly key: string | undefined;
  readonly isShared: boolean;
  query(sql: string): Promise<QueryResult['rows']>;
  /** From here on, row-level security lets nothing through that is not the tenant's. Does nothing where tables are not shared. */
  bindToRows(): Promise<void>;
  /** From here on, the owner of the tables reads and writes, and what it inserts is the tenant's. */
  actAsOwner(): Promise<void>;
}

/** With these settings, the texts of values are the same everywhere, and exact. */
export const sharedSettings = {
  client_encoding: 'UTF8',
  datestyle: 'ISO, YMD',
  intervalstyle: 'postgres',
  timezone: 'UTC',
  bytea_output: 'hex',
  extra_float_digits: '1',
  lc_monetary: 'C',
  xmloption: 'content',
  statement_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  lock_timeout: '10s',
};

/** A copy that is told to be there is there when the server fails, also where it does not wait for commits. */
const waitForCommit = `select set_config('synchronous_commit', 'local', true) where current_setting('synchronous_commit') = 'off'`;

/** Whether a session reads what there is at its first statement, or at the moment of a snapshot that another exports; or writes. */
type SessionMode = 'read' | { readonly snapshot: string } | 'write';

/** Works in one transaction, in the tenant's schema; commits it, or else closes the connection, which undoes it. */
export async function inArchiveSession<R>(
  { pools, extensions }: { readonly pools: Pools; readonly extensions: string },
  tenant: Tenant,
  mode: SessionMode,
  work: (session: ArchiveSession) => Promise<R>,
): Promise<R> {
  const session = await openArchiveSession({ pools, extensions }, tenant, mode);
  try {
    const result = await work(session);
    await session.end();
    return result;
  } finally {
    session.release();
  }
}

/** Begins the transaction. It ends with `end`, and is undone by `release` without it. */
export async function openArchiveSession(
  { pools, extensions }: { readonly pools: Pools; readonly extensions: string },
  tenant: Tenant,
  mode: SessionMode,
): Promise<ArchiveSession & { end(): Promise<void>; release(): void }> {
  const placement = placementOf(tenant);
  const isShared = sharesTables(tenant);
  const { owner, changes } = rowRoles(placement);
  const client = await pools.connect(placement);
  let isOver = false;
  const query = async (sql: string) => lastOf(await client.query(sql)).rows;
  const become = (role: string) => query(`set local role ${quoteName(role)}`);
  const release = () => client.release(!isOver);
  try {
    const pin = pinOf(isShared ? { ...placement, role: owner } : placement, {
      extensions: extensionsOf(tenant, extensions),
      ...(isShared && { rowsOf: placement.key ?? '' }),
    });
    const begin = mode === 'write' ? ['begin', waitForCommit] : ['begin isolation level repeatable read read only'];
    if (typeof mode === 'object') begin.push(`set transaction snapshot ${quoteText(mode.snapshot)}`);
    // A transaction that reads from the moment of its first statement begins with a lock.
    if (mode !== 'read') begin.push(withoutTimeLimits());
    // Rows that a policy hides are an error. In shared tables, one keeps the tenants apart.
    const all = isShared ? sharedSettings : { ...sharedSettings, row_security: 'off' };
    const set = Object.entries(all).map(([name, value]) => `set local ${name} to ${quoteText(value)}`);
    await query([...begin, ...set, ...pin].join('; '));
  } catch (error) {
    release();
    throw error;
  }
  return {
    client,
    schema: placement.schema,
    key: isShared ? placement.key : undefined,
    isShared,
    query,
    bindToRows: async () => {
      if (isShared) await become(changes);
    },
    actAsOwner: async () => {
      if (isShared) await become(owner);
    },
    end: async () => {
      await query('commit');
      isOver = true;
    },
    release,
  };
}
