import { setImmediate as turn } from 'node:timers/promises';
import { Client } from 'pg';
import { register } from './register.ts';
import { databaseNameOf, type SiteDatabase } from './site.ts';
import { type BenchTenancy, openTenancy } from './tenancy.ts';
import { answer } from './worker.ts';
import { tenantId } from './workload.ts';

export interface IdleOptions {
  readonly database: SiteDatabase;
  readonly tenants: number;
}

export interface Idle {
  /** Bytes of heap that a tenant takes which has been in use, and is not. */
  readonly heap: number;
  /** Connections of this process that are not to central. */
  readonly sockets: number;
}

export type IdleCalls = typeof calls;

const calls = {
  async measure({ database, tenants }: IdleOptions): Promise<Idle> {
    const bench = await openTenancy({ ...database, ttl: 3_600_000 });
    await register(bench, database, 'database', tenants);
    // What is made once, for all tenants, is not theirs.
    for (let n = tenants - 20; n < tenants; n += 1) await use(bench, tenantId(n));

    const before = await heap();
    for (let n = 1; n <= tenants - 100; n += 1) await use(bench, tenantId(n));
    const used = (await heap()) - before;
    const sockets = process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
    const central = await connectionsTo(database);
    await bench.tenancy.close();
    return { heap: used / (tenants - 100), sockets: sockets - central };
  },
};

answer(calls);

/** Enters the tenant's scope and takes its EntityManager, and asks it nothing. */
async function use({ tenancy, orm }: BenchTenancy, id: string): Promise<void> {
  await tenancy.run(id, () => void orm.em.getContext());
}

async function heap(): Promise<number> {
  if (globalThis.gc === undefined) throw new Error('The garbage collector is out of reach: --expose-gc.');
  for (let pass = 0; pass < 4; pass += 1) {
    globalThis.gc();
    await turn();
  }
  return process.memoryUsage().heapUsed;
}

async function connectionsTo({ url }: SiteDatabase): Promise<number> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ count: number }>(
      'select count(*)::int as count from pg_stat_activity where datname = $1 and pid <> pg_backend_pid()',
      [databaseNameOf(url)],
    );
    return rows[0]?.count ?? 0;
  } finally {
    await client.end();
  }
}
