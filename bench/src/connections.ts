import { readFileSync } from 'node:fs';
import { isTenancyError } from '@omnitenant/core';
import { Client, escapeIdentifier } from 'pg';
import { register } from './register.ts';
import { databaseNameOf, type SiteDatabase } from './site.ts';
import { type BenchTenancy, openTenancy } from './tenancy.ts';
import { answer } from './worker.ts';
import { ddl, insertUsers, tenantId } from './workload.ts';

export interface CrowdOptions {
  readonly database: SiteDatabase;
  /** Each with a database of its own. */
  readonly tenants: number;
  /** Connections to the server. */
  readonly budget: number;
  readonly seconds: number;
}

export interface Crowd {
  /** The most connections that PostgreSQL has seen. */
  readonly most: number;
  readonly served: number;
  readonly refused: number;
  /** Answers that were another tenant's. */
  readonly wrong: number;
}

export interface GrowthOptions {
  readonly database: SiteDatabase;
  readonly schemas: number;
  /** Schemas that a connection serves; none given: any number. */
  readonly maxSchemas?: number;
}

export type ConnectionsCalls = typeof calls;

const calls = {
  /** Asks for all tenants at once, and again and again. */
  async crowd({ database, tenants, budget, seconds }: CrowdOptions): Promise<Crowd> {
    const bench = await openTenancy({ ...database, ttl: 3_600_000, connections: { max: budget } });
    await register(bench, database, 'database', tenants);
    await makeDatabases(database, tenants);
    const watch = await watchConnections(database);
    const count = { served: 0, refused: 0, wrong: 0 };
    const until = performance.now() + seconds * 1_000;
    const ask = async (id: string) => {
      while (performance.now() < until) {
        try {
          const [row] = await bench.tenancy.run(id, () => bench.orm.em.execute<{ name: string }[]>(nameOfFirst));
          count[row?.name === `User 1 of ${database.prefix}${id}` ? 'served' : 'wrong'] += 1;
        } catch (error) {
          if (!isTenancyError(error, 'CONNECTIONS_EXHAUSTED')) throw error;
          count.refused += 1;
        }
      }
    };
    await Promise.all(Array.from({ length: tenants }, (_, n) => ask(tenantId(n + 1))));
    const most = await watch.end();
    await bench.tenancy.close();
    return { ...count, most };
  },

  /** Bytes of the largest backend when all ten tables of each schema were read; a sentence where that cannot be seen. */
  async growth({ database, schemas, maxSchemas = Number.POSITIVE_INFINITY }: GrowthOptions): Promise<number | string> {
    const bench = await openTenancy({ ...database, ttl: 3_600_000, poolMax: 1, connections: { maxSchemas } });
    await register(bench, database, 'schema', schemas);
    await makeSchemas(database, schemas);
    try {
      let most = 0;
      for (let n = 1; n <= schemas; n += 1) {
        most = Math.max(most, await readAllTables(bench, tenantId(n)));
      }
      return most;
    } catch (error) {
      if ((error as { code?: string }).code === undefined) throw error;
      return `the memory of PostgreSQL's processes cannot be read here: ${(error as Error).message}`;
    } finally {
      await bench.tenancy.close();
    }
  },
};

answer(calls);

const nameOfFirst = 'select name from users where id = 1';

const tables = ddl
  .flatMap(({ statements }) => statements)
  .flatMap((statement) => /create table (?:if not exists )?"?(\w+)/i.exec(statement)?.[1] ?? []);

/** Reads each table, and gives the size of the process that did. */
async function readAllTables({ tenancy, orm }: BenchTenancy, id: string): Promise<number> {
  const counts = tables.map((name) => `(select count(*) from ${name})`).join(', ');
  return tenancy.run(id, () =>
    orm.em.transactional(async (em) => {
      const [row] = await em.execute<{ pid: number }[]>(`select pg_backend_pid() as pid, ${counts}`);
      // Looked at while it is held: a connection that has served its last schema is closed when it comes back.
      return privateBytes(row?.pid ?? 0);
    }),
  );
}

/** What a process has to itself. The shared buffers that it has looked into are not its own. */
function privateBytes(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kilobytes = [...rollup.matchAll(/^Private_\w+: +(\d+) kB$/gm)].map(([, size]) => Number(size));
  return kilobytes.reduce((sum, size) => sum + size, 0) * 1_024;
}

async function makeDatabases({ url, prefix }: SiteDatabase, tenants: number): Promise<void> {
  const template = `${prefix}template`;
  await on(url, (client) => client.query(`create database ${escapeIdentifier(template)} template template0`));
  const make = async (client: Client, from: number) => {
    for (let n = from; n <= tenants; n += 2) {
      const name = `${prefix}${tenantId(n)}`;
      await client.query(`create database ${escapeIdentifier(name)} template ${escapeIdentifier(template)}`);
      await on(databaseUrl(url, name), (own) => own.query(`update users set name = 'User ' || id || ' of ${name}'`));
    }
  };
  await on(databaseUrl(url, template), (client) =>
    client.query(`${ddl.flatMap(({ statements }) => statements).join(';')};${insertUsers(template, 1, 1)}`),
  );
  await Promise.all([1, 2].map((from) => on(url, (client) => make(client, from))));
}

async function makeSchemas({ url }: SiteDatabase, schemas: number): Promise<void> {
  const statements = ddl.flatMap((file) => file.statements).join(';');
  await on(url, async (client) => {
    for (let n = 1; n <= schemas; n += 1) {
      const schema = `t_${tenantId(n)}`;
      await client.query(`create schema ${schema}; set search_path to ${schema}; ${statements}`);
    }
  });
}

/** Looks at the role's connections over and over. Its own is not counted. */
async function watchConnections({ url }: SiteDatabase): Promise<{ end(): Promise<number> }> {
  const client = new Client({ connectionString: url });
  await client.connect();
  let most = 0;
  let ended = false;
  const watching = (async () => {
    while (!ended) {
      const { rows } = await client.query<{ count: number }>(
        'select count(*)::int as count from pg_stat_activity where usename = current_user and pid <> pg_backend_pid()',
      );
      most = Math.max(most, rows[0]?.count ?? 0);
    }
  })();
  return {
    end: async () => {
      ended = true;
      await watching;
      await client.end();
      return most;
    },
  };
}

function databaseUrl(url: string, name: string): string {
  return url.replace(`/${databaseNameOf(url)}`, `/${name}`);
}

async function on<R>(url: string, work: (client: Client) => Promise<R>): Promise<R> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
