import { readFileSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { Client } from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import type { Round } from './figure.ts';
import type { SiteDatabase } from './site.ts';
import { openTenancy } from './tenancy.ts';
import { answer } from './worker.ts';
import { insertUsers, tenantId } from './workload.ts';

export type ArchiveCalls = typeof calls;

interface Asked {
  readonly database: SiteDatabase;
}

const calls = {
  /** Makes tenants, the first with so many rows. */
  async prepare({ database, tenants, rows }: Asked & { tenants: number; rows: number }): Promise<void> {
    await using bench = await open(database);
    await bench.tenancy.migrateCentral();
    for (let n = 1; n <= tenants; n += 1) {
      const id = tenantId(n);
      await bench.tenancy.tenants.create({ id });
      await bench.tenancy.run(id, () => bench.orm.em.execute(insertUsers(id, 1, n === 1 ? rows : 100)));
    }
  },

  /** Milliseconds of processors for an export, and for COPY of the same table by itself. */
  async export({ database }: Asked): Promise<Round> {
    await using bench = await open(database);
    const plain = await bench.measure(() => drain(bench.copyOut(`t_${tenantId(1)}.users`)));
    const tenancy = await bench.measure(async () => drain(await bench.tenancy.tenants.export(tenantId(1))));
    return { plain, tenancy };
  },

  /** The same for an import, which reads back what it has stored, and for COPY into a table of the same indexes and out again. */
  async import({ database }: Asked): Promise<Round> {
    await using bench = await open(database);
    const { tenants } = bench.tenancy;
    const rows = await collect(bench.copyOut(`t_${tenantId(1)}.users`));
    await bench.client.query(`create table raw (like t_${tenantId(1)}.users including all)`);
    const plain = await bench.measure(async () => {
      await pipeline(rows, bench.client.query(copyFrom('copy raw from stdin')));
      await drain(bench.copyOut('raw'));
    });
    await bench.client.query('drop table raw');
    const archive = await collect(await tenants.export(tenantId(1)));
    const tenancy = await bench.measure(() => tenants.import(ReadableStream.from(archive), { as: 'imported' }));
    await tenants.remove('imported');
    return { plain, tenancy };
  },

  /** Milliseconds of processors for the export of a small tenant, one after another. */
  async small({ database, tenants }: Asked & { tenants: number }): Promise<number> {
    await using bench = await open(database);
    const taken = await bench.measure(async () => {
      for (let n = 2; n <= tenants + 1; n += 1) await drain(await bench.tenancy.tenants.export(tenantId(n)));
    });
    return taken / tenants;
  },
};

answer(calls);

async function open(database: SiteDatabase) {
  const bench = await openTenancy(database);
  const client = new Client({ connectionString: database.url });
  await client.connect();
  /** The processes of the server that work on this database. They end with their connections, which stay open meanwhile. */
  async function servers(): Promise<ReadonlyMap<number, number>> {
    const { rows } = await client.query('select pid from pg_stat_activity where datname = current_database()');
    return new Map(rows.map(({ pid }) => [pid, processorOf(pid)]));
  }
  return {
    ...bench,
    client,
    copyOut: (table: string) => client.query(copyTo(`copy (select * from ${table} order by id) to stdout`)),
    /** Milliseconds of processors that this process and the server take: a busy machine changes them less than the time that passes. */
    async measure(work: () => Promise<unknown>): Promise<number> {
      const before = await servers();
      const cpu = process.cpuUsage();
      await work();
      const { user, system } = process.cpuUsage(cpu);
      const after = await servers();
      const ofServer = [...after].map(([pid, taken]) => taken - (before.get(pid) ?? 0));
      return (user + system) / 1_000 + ofServer.reduce((sum, one) => sum + one, 0);
    },
    async [Symbol.asyncDispose]() {
      await client.end();
      await bench.tenancy.close();
    },
  };
}

/** Linux counts in hundredths of a second. */
function processorOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function drain(bytes: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of bytes);
}

async function collect(bytes: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return chunks;
}
