import type { Options } from '@mikro-orm/core';
import { defineConfig as pglite } from '@mikro-orm/pglite';
import { defineConfig as postgresql } from '@mikro-orm/postgresql';
import { Client } from 'pg';

/** The database that the demo runs on, which is nobody else's. */
export interface DemoDatabase {
  readonly name: string;
  readonly config: Partial<Options>;
  /** Whether a tenant can have a database of its own. */
  readonly manyDatabases: boolean;
  /** Removes what the demo made. */
  drop(): Promise<void>;
}

const demo = 'omnitenant_demo';

/** What tells the demo's own databases and roles from others of the same name: the comment that each of them bears. */
const mark = 'omnitenant: the demo, which drops it';
const ours = `^(${mark}|omnitenant: tenant \\S+ of ${demo})$`;

/** PGlite in memory, or databases of its own on the PostgreSQL server that `url` leads to. */
export async function openDatabase(url: string | undefined): Promise<DemoDatabase> {
  return url ? onServer(url) : inMemory();
}

function inMemory(): DemoDatabase {
  return {
    name: 'PGlite, in memory',
    config: pglite({ dbName: 'memory://' }),
    manyDatabases: false,
    drop: async () => {},
  };
}

async function onServer(url: string): Promise<DemoDatabase> {
  const admin = new Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  await admin.connect().catch((error: Error & { code?: string }) => {
    throw new Error(`The server of DATABASE_URL cannot be used: ${error.message || error.code}.`);
  });
  try {
    const { rows } = await admin.query<{ server_version: string }>('show server_version');
    await takeTurn(admin);
    // A run that was killed has left them.
    await dropAll(admin);
    await admin.query(`create database ${demo}`);
    await admin.query(`comment on database ${demo} is '${mark}'`);
    return {
      name: `PostgreSQL ${rows[0]?.server_version.split(' ')[0]}, database ${demo}`,
      config: postgresql({ clientUrl: url, dbName: demo }),
      manyDatabases: true,
      drop: async () => {
        try {
          await dropAll(admin);
        } finally {
          await admin.end();
        }
      },
    };
  } catch (error) {
    await admin.end();
    throw error;
  }
}

/** Two demos on one server wait for each other; the lock goes with the connection, however the run ends. */
async function takeTurn(admin: Client): Promise<void> {
  await admin.query(`set lock_timeout = '30s'`);
  await admin.query(`select pg_advisory_lock(hashtextextended('${demo}', 0))`).catch((error: { code?: string }) => {
    throw error.code === '55P03' ? new Error('Another run of this demo is on that server; stop it first.') : error;
  });
}

async function dropAll(admin: Client): Promise<void> {
  const { rows } = await admin.query<{ name: string; isOurs: boolean }>(
    `select quote_ident(datname) as name, coalesce(shobj_description(oid, 'pg_database') ~ $1, false) as "isOurs"
       from pg_database where datname = any ($2) or shobj_description(oid, 'pg_database') ~ $1`,
    [ours, [demo, `${demo}_cobalt`]],
  );
  const foreign = rows.find(({ isOurs }) => !isOurs);
  if (foreign) {
    throw new Error(
      `There is a database "${foreign.name}" on that server that this demo has not made, so it is left alone. ` +
        'Drop or rename it, or unset DATABASE_URL to run on PGlite.',
    );
  }
  for (const { name } of rows) await admin.query(`drop database ${name} with (force)`);
  // The roles own nothing any more.
  const { rows: roles } = await admin.query<{ name: string }>(
    `select quote_ident(rolname) as name from pg_roles where shobj_description(oid, 'pg_authid') ~ $1`,
    [ours],
  );
  for (const { name } of roles) await admin.query(`drop role ${name}`);
}
