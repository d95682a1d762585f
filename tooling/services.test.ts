import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { launch } from './services/launch.ts';
import { program } from './services/program.ts';
import { redisCommand } from './services/redis.ts';
import { masked } from './services/service.ts';
import { obtainable, pgbouncer, postgres, redis } from './services.ts';

const noPgBouncer = !(await obtainable('pgbouncer'));
const noRedis = !(await obtainable('redis-server'));

afterEach(() => vi.unstubAllEnvs());

describe('PostgreSQL', () => {
  test('of our own starts where none is to be used, and is gone when stopped', async () => {
    vi.stubEnv('OMNITENANT_SERVICES', 'embedded');
    const server = await postgres();
    expect(server.from).toBe('started');
    expect(await one(server.url, 'select rolsuper as value from pg_roles where rolname = current_user')).toBe(true);
    await server.stop();
    await expect(one(server.url, 'select 1 as value')).rejects.toThrow(/ECONNREFUSED/);
  });

  test('of a folder is started instead of any other', async () => {
    vi.stubEnv('OMNITENANT_SERVICES', '');
    vi.stubEnv('OMNITENANT_POSTGRES', '/nowhere');
    await expect(postgres()).rejects.toThrow(/\/nowhere/);
  });

  test('that DATABASE_URL names is used, and goes on when it is no longer needed', async () => {
    vi.stubEnv('OMNITENANT_SERVICES', 'embedded');
    await using started = await postgres();
    vi.stubEnv('OMNITENANT_SERVICES', '');
    vi.stubEnv('OMNITENANT_POSTGRES', '');
    vi.stubEnv('DATABASE_URL', started.url);
    const named = await postgres();
    expect(named).toMatchObject({ url: started.url, from: 'env' });
    await named.stop();
    expect(await one(started.url, 'select 1 as value')).toBe(1);
  });

  test('that DATABASE_URL names and that does not answer is an error without its password', async () => {
    vi.stubEnv('OMNITENANT_SERVICES', '');
    vi.stubEnv('OMNITENANT_POSTGRES', '');
    vi.stubEnv('DATABASE_URL', 'postgres://ann:p@ss:word@127.0.0.1:9/app');
    const error = await postgres().catch((reason: Error) => reason);
    expect(String(error)).toMatch(
      /DATABASE_URL \(postgres:\/\/ann:\*\*\*@127\.0\.0\.1:9\/app\) is of no use: .*ECONNREFUSED/,
    );
    expect(String(error)).not.toMatch(/p@ss|word/);
  });

  test.skipIf(noPgBouncer)(
    'in front of which a PgBouncer stands hands its connections out by transaction',
    async () => {
      vi.stubEnv('OMNITENANT_SERVICES', 'embedded');
      await using server = await postgres();
      await using bouncer = await pgbouncer({ upstream: server.url, poolSize: 1 });
      const [first, second] = await Promise.all([connected(bouncer.url), connected(bouncer.url)]);
      const backend = 'select pg_backend_pid() as pid';
      const pids = [await first.query(backend), await second.query(backend)].map(({ rows }) => rows[0].pid);
      expect(pids[0]).toBe(pids[1]);
      await Promise.all([first.end(), second.end()]);
    },
  );

  test.skipIf(noPgBouncer)('through a PgBouncer lets clients into the named databases only', async () => {
    vi.stubEnv('OMNITENANT_SERVICES', 'embedded');
    await using server = await postgres();
    await using bouncer = await pgbouncer({ upstream: server.url, databases: ['postgres'], settings: { verbose: 1 } });
    expect(await one(bouncer.url, 'select current_database() as value')).toBe('postgres');
    await expect(one(bouncer.url.replace(/postgres$/, 'template1'), 'select 1 as value')).rejects.toThrow(
      /no such database/i,
    );
  });
});

describe('Redis', () => {
  test.skipIf(noRedis)('of our own starts where none is to be used, and is gone when stopped', async () => {
    vi.stubEnv('OMNITENANT_SERVICES', 'embedded');
    const server = await redis();
    expect(server.from).toBe('started');
    expect(await redisCommand(server.url, 'SET', 'key', 'ü')).toBe('OK');
    await server.stop();
    await expect(redisCommand(server.url, 'PING')).rejects.toThrow(/ECONNREFUSED/);
  });

  test('that REDIS_URL names and that does not answer is an error without its password', async () => {
    vi.stubEnv('OMNITENANT_SERVICES', '');
    vi.stubEnv('REDIS_URL', 'redis://:secret@127.0.0.1:9');
    await expect(redis()).rejects.toThrow('REDIS_URL (redis://:***@127.0.0.1:9) is of no use: connect ECONNREFUSED');
  });
});

test.skipIf(noRedis)('a process that is killed takes its servers and their folders with it', async () => {
  const script = `const { redis } = await import(${JSON.stringify(import.meta.resolve('./services.ts'))});
    const server = await redis();
    console.log(server.url);
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    env: { ...process.env, OMNITENANT_SERVICES: 'embedded' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const [line] = await once(child.stdout, 'data');
  const url = String(line).trim();
  expect(await redisCommand(url, 'PING')).toBe('PONG');
  child.kill('SIGKILL');
  await exited;
  await vi.waitFor(() => expect(redisCommand(url, 'PING')).rejects.toThrow());
});

test('a server that cannot start says why and leaves no folder', async () => {
  let seen = '';
  const failing = launch({
    name: 'broken',
    stopSignal: 'SIGKILL',
    async prepare(folder) {
      seen = folder;
      return { file: '/bin/sh', args: () => ['-c', 'echo no such luck; exit 3'] };
    },
    url: String,
    check: () => sleep(20_000, undefined, { ref: false }),
  });
  await expect(failing).rejects.toThrow(/broken did not start: it ended with exit code 3\n.*no such luck/s);
  await expect(access(seen)).rejects.toThrow(/ENOENT/);
});

test('a program that cannot be run is an error, and leaves no folder', async () => {
  let seen = '';
  const failing = launch({
    name: 'absent',
    stopSignal: 'SIGKILL',
    async prepare(folder) {
      seen = folder;
      return { file: '/nowhere/absent', args: () => [] };
    },
    url: String,
    check: () => sleep(20_000, undefined, { ref: false }),
  });
  await expect(failing).rejects.toThrow(/absent did not start: spawn \/nowhere\/absent ENOENT/);
  await expect(access(seen)).rejects.toThrow(/ENOENT/);
});

test.runIf(existsSync('/usr/bin/apt-get') && process.env.CI)(
  'a program that the machine lacks comes out of its Debian package',
  async () => {
    const { file, env } = await program({ name: 'redis-server', hint: '', folder: '/tmp', path: [] });
    const child = spawn(file, ['--version'], { env, stdio: 'ignore' });
    expect(await once(child, 'exit')).toEqual([0, null]);
  },
);

test.each([
  ['postgres://ann:p@ss/w:rd@host/db', 'postgres://ann:***@host/db'],
  ['postgres://ann@host/db?password=abc&x=1', 'postgres://ann@host/db?password=***&x=1'],
  ['redis://127.0.0.1:6379/2', 'redis://127.0.0.1:6379/2'],
])('%s is shown as %s', (url, shown) => expect(masked(url)).toBe(shown));

async function connected(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  await client.connect();
  return client;
}

async function one(url: string, query: string): Promise<unknown> {
  const client = new Client({ connectionString: url });
  try {
    await client.connect();
    return (await client.query(query)).rows[0].value;
  } finally {
    await client.end();
  }
}
