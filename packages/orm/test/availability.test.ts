import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { defineConfig } from '@mikro-orm/postgresql';
import { isTenancyError, type TenancyError, type TenancyErrorCode } from '@omnitenant/core';
import { plainDatabase, type TestDatabase } from '@omnitenant/tooling';
import { Client } from 'pg';
import { describe, expect, test } from 'vitest';
import { Author } from '../src/testing/library.ts';
import { inVain, longWait } from './fixtures/elapse-timeouts.ts';
import { entered, type RunningLibrary, runLibrary } from './fixtures/running-library.ts';

test('transactions that find no free connection wait, and in good time fail: all of it recovers by itself', async () => {
  await using database = await plainDatabase();
  const driverOptions = { max: 2, connectionTimeoutMillis: longWait };
  await using library = await runLibrary(defineConfig({ clientUrl: database.url, driverOptions }), fourOf('schema'));
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  const { promise: full, resolve: isFull } = Promise.withResolvers<void>();
  let holding = 0;
  const holders = ['a', 'b'].map((tenant) =>
    library.tenancy.run(tenant, () =>
      library.orm.em.transactional(async (em) => {
        expect(await em.count(Author)).toBe(1);
        if (++holding === 2) isFull();
        await opened;
        expect(await em.count(Author)).toBe(1);
      }),
    ),
  );
  await full;
  const ask = await entered(library, tenants(20), () => authors(library));
  const refused = await inVain(() => ask().map(errorOf));
  for (const [n, error] of refused.entries()) {
    expectIs(
      error,
      isTenancyError(error, 'SHARE_EXHAUSTED') ? 'SHARE_EXHAUSTED' : 'CONNECTIONS_EXHAUSTED',
      tenants(20)[n],
    );
    expect(error).toMatchObject({
      headers: { 'Retry-After': '1' },
      message: expect.stringMatching(new RegExp(`and none became free within ${longWait} ms`)),
    });
  }
  const waiting = tenants(20).map((tenant) => authorsOf(library, tenant));
  open();
  await Promise.all([...holders, ...waiting]);
  await expectSound(library, tenants(40));
});

test('a scope that waits for its own connection is told so, and lets the others go on', async () => {
  await using database = await plainDatabase();
  const driverOptions = { max: 1, connectionTimeoutMillis: longWait };
  await using library = await runLibrary(defineConfig({ clientUrl: database.url, driverOptions }), fourOf('schema'));
  const nested = library.tenancy.run('a', () =>
    library.orm.em.transactional(async () => inVain(await entered(library, ['b'], () => authors(library)))),
  );
  expectIs(await errorOf(nested), 'CONNECTIONS_EXHAUSTED', 'b');
  await expectSound(library, tenants(8));
});

describe('a server that goes away', () => {
  test('takes its own tenants with it, named, and no others; when it is back, so are they', async () => {
    await using database = await plainDatabase();
    await using far = await throughProxy(database.url);
    const { port } = new URL(far.url);
    await using library = await runLibrary(
      defineConfig({ clientUrl: database.url, driverOptions: { max: 3 } }),
      { ...fourOf('schema'), far: { isolation: 'database', placement: { server: 'far' } } },
      {
        servers: { far: { host: '127.0.0.1', port: Number(port), maintenanceDatabase: database.name } },
        names: { database: (id) => `${database.name}_${id}` },
      },
    );
    await expectSound(library, ['far', 'a']);
    const cut = library.tenancy.run('far', () =>
      library.orm.em.transactional(async (em) => {
        await em.insert(Author, { name: 'lost' });
        await far.stop();
        await em.count(Author);
      }),
    );
    expectIs(await errorOf(cut), 'SERVER_UNAVAILABLE', 'far');
    const down = await errorOf(authorsOf(library, 'far'));
    expectIs(down, 'SERVER_UNAVAILABLE', 'far');
    expect((down as TenancyError).message).toContain('ECONNREFUSED');
    await expectSound(library, tenants(8));
    await far.start();
    await expectSound(library, ['far', 'a', 'far']);
  });

  test('with the tenants in it is never told as "no such tenant"; transactions are cut, and what was running is typed', async () => {
    await using database = await plainDatabase();
    await using server = await throughProxy(database.url);
    await using library = await runLibrary(
      defineConfig({ clientUrl: server.url, driverOptions: { max: 3 } }),
      fourOf('schema'),
    );
    // So that no tenant is still to be looked up when the server stops.
    await expectSound(library, ids);
    const running = tenants(12).map((tenant) =>
      errorOf(library.tenancy.run(tenant, () => library.orm.em.execute('select pg_sleep(60)'))),
    );
    await server.stop();
    await onServer(database, `select pg_terminate_backend(pid, 5000) from pg_stat_activity where ${others}`);
    for (const [n, error] of (await Promise.all(running)).entries()) {
      expectIs(error, 'SERVER_UNAVAILABLE', tenants(12)[n]);
    }
    for (const find of [() => library.tenancy.tenants.get('nobody'), () => library.tenancy.run('nobody', () => 1)]) {
      expectIs(await errorOf(find()), 'STORE_UNAVAILABLE');
    }
    expectIs(await errorOf(authorsOf(library, 'a')), 'SERVER_UNAVAILABLE', 'a');
    await server.start();
    await expectSound(library, tenants(8));
    expectIs(await errorOf(library.tenancy.run('nobody', () => 1)), 'TENANT_UNKNOWN');
  });
});

test('a tenant whose database is gone is out of service, and back when its database is', async () => {
  await using database = await plainDatabase();
  await using library = await runLibrary(defineConfig({ clientUrl: database.url }), fourOf('database'), {
    names: { database: (id) => `${database.name}_${id}` },
  });
  const [b, gone] = [`"${database.name}_b"`, `"${database.name}_gone"`];
  await expectSound(library, tenants(8));
  await onServer(
    database,
    // Nobody may come back between the two, or the database could not be renamed.
    `alter database ${b} allow_connections false`,
    `select pg_terminate_backend(pid, 60000) from pg_stat_activity where datname = '${database.name}_b'`,
    `alter database ${b} rename to ${gone}`,
  );
  await errorOf(authorsOf(library, 'b'));
  const error = await errorOf(authorsOf(library, 'b'));
  expectIs(error, 'SERVER_UNAVAILABLE', 'b');
  expect((error as TenancyError).message).toContain('3D000');
  await expectSound(library, ['a', 'c', 'd']);
  await onServer(database, `alter database ${gone} rename to ${b}`, `alter database ${b} allow_connections true`);
  await expectSound(library, tenants(8));
});

/** The sessions of the database that are not this one. */
const others = `datname = current_database() and pid <> pg_backend_pid()`;

async function onServer({ url }: TestDatabase, ...statements: string[]): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

const ids = ['a', 'b', 'c', 'd'];
function fourOf(isolation: string) {
  return Object.fromEntries(ids.map((id) => [id, { isolation }]));
}
function tenants(count: number): string[] {
  return Array.from({ length: count }, (_, n) => ids[n % ids.length] as string);
}

async function authors({ orm }: RunningLibrary): Promise<string[]> {
  return (await orm.em.fork().find(Author, {})).map(({ name }) => name);
}

function authorsOf(library: RunningLibrary, tenant: string): Promise<string[]> {
  return library.tenancy.run(tenant, () => authors(library));
}

function expectSound(library: RunningLibrary, of: readonly string[]) {
  return Promise.all(
    of.map(async (tenant) => expect(await authorsOf(library, tenant)).toEqual([`first of ${tenant}`])),
  );
}

function errorOf(attempt: Promise<unknown>): Promise<unknown> {
  return attempt.then(
    (value) => `no error, but ${JSON.stringify(value)}`,
    (error: unknown) => error,
  );
}

function expectIs(error: unknown, code: TenancyErrorCode, tenant?: string): void {
  expect(isTenancyError(error, code), String(error)).toBe(true);
  if (tenant !== undefined) expect(error).toMatchObject({ tenant });
}

/** The server behind an address of its own, which can be left and taken again: what a client sees of a restart. */
async function throughProxy(upstream: string) {
  const target = new URL(upstream);
  const sockets = new Set<Socket>();
  let server: Server;
  async function start(port = 0): Promise<number> {
    server = createServer((socket) => {
      const onward = connect(Number(target.port || 5432), target.hostname);
      for (const end of [socket, onward]) {
        sockets.add(end);
        end.on('error', () => {});
        end.on('close', () => {
          socket.destroy();
          onward.destroy();
        });
      }
      socket.pipe(onward).pipe(socket);
    }).listen(port, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }
  async function stop(): Promise<void> {
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    sockets.clear();
    await closed;
  }
  const port = await start();
  const url = new URL(upstream);
  url.hostname = '127.0.0.1';
  url.port = String(port);
  return { url: url.href, stop, start: () => start(port), [Symbol.asyncDispose]: stop };
}
