import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { createConnection } from 'mysql2/promise';
import { launch, runAs } from './launch.ts';
import { program } from './program.ts';
import { findService, type Service } from './service.ts';

/** A MariaDB whose user may create databases and users: `MARIADB_URL`, else 127.0.0.1:3306, else one of our own. */
export async function mariadb(): Promise<Service> {
  return findService({
    variable: 'MARIADB_URL',
    check: (url) => onMariadb(url, "create user if not exists 'omnitenant tests'", "drop user 'omnitenant tests'"),
    local: ['mysql://root@127.0.0.1:3306'],
    start: startMariadb,
  });
}

/** Sends statements as the user of the URL, and returns the rows of the last one. */
export async function onMariadb(url: string, ...statements: readonly string[]): Promise<Record<string, unknown>[]> {
  const connection = await createConnection({ uri: url, connectTimeout: 3_000 });
  connection.on('error', () => {});
  try {
    let rows: unknown = [];
    for (const statement of statements) [rows] = await connection.query(statement);
    return Array.isArray(rows) ? rows : [];
  } finally {
    await connection.end().catch(() => {});
  }
}

// Durability is off: the data lives as long as the run.
const settings = [
  ...['--innodb-flush-log-at-trx-commit=0', '--innodb-buffer-pool-size=64M', '--innodb-log-file-size=16M'],
  ...['--skip-log-bin', '--max-connections=200', '--bind-address=127.0.0.1'],
];

/** A MariaDB of one's own, which may be started again. */
export async function startMariadb(): ReturnType<typeof launch> {
  return launch({
    name: 'mariadb',
    stopSignal: 'SIGTERM',
    async prepare(folder) {
      const hint = 'Install MariaDB, or set MARIADB_URL.';
      const { file, env } = await program({ name: 'mariadbd', package: 'mariadb-server-core', hint, folder });
      const home = join(dirname(file), '..');
      const data = join(folder, 'data');
      const options = [`--basedir=${home}`, `--datadir=${data}`, '--skip-test-db'];
      await mkdir(join(folder, 'tmp'), { mode: 0o777 });
      await promisify(execFile)(
        join(home, 'bin', 'mariadb-install-db'),
        ['--no-defaults', ...options, '--auth-root-authentication-method=normal', '--cross-bootstrap'],
        { ...runAs, cwd: folder, env: { ...process.env, ...env } },
      );
      const socket = join(folder, 'socket');
      return {
        file,
        env,
        args: (port) => [
          ...['--no-defaults', `--basedir=${home}`, `--datadir=${data}`, `--port=${port}`, `--socket=${socket}`],
          ...[`--pid-file=${join(folder, 'pid')}`, ...settings],
        ],
      };
    },
    url: (port) => `mysql://root@127.0.0.1:${port}`,
    check: (url) => onMariadb(url, 'select 1'),
  });
}
