import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { launch } from './launch.ts';
import { program } from './program.ts';
import { type Service, service } from './service.ts';

export interface PgBouncerOptions {
  /** The server behind it; its role is the one that clients come as. */
  upstream: string;
  poolMode?: 'session' | 'transaction' | 'statement';
  /** Server connections for each database and role. */
  poolSize?: number;
  /** The databases that it lets clients into; all when left out. */
  databases?: readonly string[];
  /** Further roles that clients may come as, with their passwords on the server. */
  users?: Readonly<Record<string, string>>;
  /** Any other lines of its `[pgbouncer]` section. */
  settings?: Readonly<Record<string, string | number>>;
}

/** A PgBouncer of our own in front of a PostgreSQL, in transaction mode unless told. `url` is `upstream` through it. */
export async function pgbouncer(options: PgBouncerOptions): Promise<Service> {
  const upstream = new URL(options.upstream);
  const { url, stop } = await launch({
    name: 'pgbouncer',
    stopSignal: 'SIGKILL',
    async prepare(folder) {
      await writeFile(join(folder, 'users.txt'), userList(upstream, options.users));
      return {
        ...(await program({ name: 'pgbouncer', hint: 'Install PgBouncer.', folder })),
        async args(port) {
          const file = join(folder, 'pgbouncer.ini');
          await writeFile(file, configuration(folder, port, upstream, options));
          return [file];
        },
      };
    },
    url: (port) => throughPort(upstream, port),
    check: answers,
  });
  return service(url, 'started', stop);
}

function configuration(folder: string, port: number, upstream: URL, options: PgBouncerOptions): string {
  const { poolMode = 'transaction', poolSize = 20, databases = ['*'], settings = {} } = options;
  const server = `host=${upstream.hostname} port=${upstream.port || 5432}`;
  const lines = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'trust',
    auth_file: join(folder, 'users.txt'),
    pool_mode: poolMode,
    default_pool_size: poolSize,
    max_client_conn: 500,
    ignore_startup_parameters: 'extra_float_digits,options',
    ...settings,
  };
  return [
    '[databases]',
    ...databases.map((name) => (name === '*' ? `* = ${server}` : `${name} = ${server}`)),
    '[pgbouncer]',
    ...Object.entries(lines).map(([key, value]) => `${key} = ${value}`),
    '',
  ].join('\n');
}

function userList(upstream: URL, users: Readonly<Record<string, string>> = {}): string {
  const own = [decodeURIComponent(upstream.username || 'postgres'), decodeURIComponent(upstream.password)] as const;
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
  return [own, ...Object.entries(users)].map(([name, password]) => `${quoted(name)} ${quoted(password)}\n`).join('');
}

function throughPort(upstream: URL, port: number): string {
  const url = new URL(upstream);
  url.hostname = '127.0.0.1';
  url.port = String(port);
  return url.href;
}

async function answers(url: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 3_000 });
  client.on('error', () => {});
  try {
    await client.connect();
  } finally {
    await client.end().catch(() => {});
  }
}
