import { inspect } from 'node:util';
import { defineConfig as definePglite } from '@mikro-orm/pglite';
import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy, isTenancyError } from '@omnitenant/core';
import {
  obtainable,
  plainDatabase,
  type TestDatabase,
  testDatabase,
  testName,
  testPgBouncer,
} from '@omnitenant/tooling';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type DoctorReport, doctor } from '../src/doctor/doctor.ts';
import { formatDoctorReport, formatServerExamination } from '../src/doctor/report.ts';
import { createOrm } from '../src/index.ts';

function examine(clientUrl: string) {
  return doctor(defineConfig({ clientUrl }), { timeoutMs: 5_000 });
}

function identity(rejection: unknown): unknown {
  return rejection;
}

function expectUnavailable(error: unknown): void {
  expect(isTenancyError(error, 'SERVER_UNAVAILABLE'), String(error)).toBe(true);
  expect(`${inspect(error, { depth: 10 })} ${JSON.stringify(error)}`).not.toContain('S3cret-word');
}

afterEach(() => {
  vi.unstubAllEnvs();
});

const withPgBouncer = await obtainable('pgbouncer');

describe('the doctor', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await plainDatabase();
  });
  afterAll(() => database.drop());

  test('finds no pooler where there is none, and says what the role may do', async () => {
    const report = await examine(database.url);
    expect(report).toMatchObject({
      database: database.name,
      pooler: { kind: 'none', clients: 12, serverConnections: 12 },
      pin: { holds: true, statements: 12 * 24 },
      sessionState: 'kept',
      server: { readOnly: false, version: expect.stringMatching(/^\d+/), walLevel: expect.any(String) },
      role: {
        superuser: false,
        bypassesRowSecurity: false,
        mayCreateSchemas: true,
        mayCreateDatabases: true,
        mayCreateRoles: true,
      },
    });
    expect(report.server.connectionsLeft).toBeLessThan(report.server.maxConnections);
    expect(formatDoctorReport(report)).toContain(
      'ok    Isolation "row": without a pin, the role cannot read shared tables.',
    );
    expect(formatDoctorReport(report)).not.toMatch(/FAIL|note {2}Isolation/);
    const withLevel = (walLevel: string) => formatDoctorReport({ ...report, server: { ...report.server, walLevel } });
    expect(withLevel('logical')).toContain('ok    Tenants can be written to while they are moved');
    expect(withLevel('replica')).toContain('note  Moves refuse writes while they copy: wal_level is replica');
  });

  test('finds a role that row-level security does not bind, and one that may do nothing', async () => {
    await using whole = await testDatabase();
    const report = await examine(whole.url);
    expect(report.role).toMatchObject({ superuser: true, bypassesRowSecurity: true });
    expect(formatDoctorReport(report)).toContain('this login is a superuser, so only the pin restricts it');
    const powerless: DoctorReport = {
      ...report,
      role: { ...report.role, mayCreateSchemas: false, mayCreateDatabases: false, mayCreateRoles: false },
      pin: { holds: false, statements: 1 },
    };
    expect(formatDoctorReport(powerless)).toMatch(/grant create on database[\s\S]*createdb[\s\S]*createrole/);
    expect(formatDoctorReport(powerless)).toContain('FAIL  Tenant isolation fails');
  });

  describe.skipIf(!withPgBouncer)('through PgBouncer', () => {
    test.each([
      ['transaction', 3, { kind: 'transaction', clients: 12 }, 'leaks', true],
      ['transaction', 1, { kind: 'transaction', clients: 12, serverConnections: 1 }, 'leaks', true],
      ['session', 20, { kind: 'session', clients: 12, serverConnections: 12 }, 'kept', true],
      ['session', 2, { kind: 'session', clients: 2, serverConnections: 2 }, 'kept', true],
      ['statement', 3, { kind: 'statement', clients: 12 }, 'leaks', false],
    ] as const)('in %s mode with %i connections', async (poolMode, poolSize, pooler, sessionState, holds) => {
      await using bouncer = await testPgBouncer({
        upstream: database.url,
        poolMode,
        poolSize,
        settings: { ignore_startup_parameters: 'extra_float_digits' },
      });
      const report = await examine(bouncer.url);
      expect(report).toMatchObject({ pooler, sessionState, pin: { holds } });
      expect(formatDoctorReport(report)).toContain(`in ${poolMode} mode`);
    });

    test('says what PgBouncer calls itself where the role may ask', async () => {
      const { username } = new URL(database.url);
      await using bouncer = await testPgBouncer({
        upstream: database.url,
        poolSize: 2,
        settings: { stats_users: username },
      });
      expect((await examine(bouncer.url)).pooler.product).toMatch(/^PgBouncer \d+\.\d+/);
    });
  });

  test.skipIf(!withPgBouncer)('says so of a wrong password, without the password', async () => {
    await using bouncer = await testPgBouncer({ upstream: database.url, settings: { auth_type: 'md5' } });
    expect((await examine(bouncer.url)).pin.holds).toBe(true);
    const error = await examine(Object.assign(new URL(bouncer.url), { password: 'S3cret-word' }).href).catch(identity);
    expectUnavailable(error);
    expect((error as Error).message).toContain('password authentication failed');
  });

  test.each([
    [
      'a role that is not there',
      (url: URL) => Object.assign(url, { username: 'nobody-there', password: 'S3cret-word' }),
    ],
    ['a port where nothing answers', (url: URL) => Object.assign(url, { port: '1', password: 'S3cret-word' })],
    [
      'a database that is not there',
      (url: URL) => Object.assign(url, { pathname: '/not-there', password: 'S3cret-word' }),
    ],
  ])('says so of %s, without the password', async (_, change) => {
    const url = change(new URL(database.url));
    expectUnavailable(await examine(url.href).catch(identity));
  });

  test('refuses PGlite, which has no server', async () => {
    await expect(doctor(definePglite({ dbName: 'memory://' }))).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

describe('the servers of an application', () => {
  test("are examined each, and tenants' own once for each address, up to a bound", async () => {
    await using database = await plainDatabase();
    await using eu = await testDatabase();
    const { host, hostname } = new URL(eu.url);
    const variables = ['127.0.0.1', 'localhost'].map((name) => [testName().toUpperCase(), name] as const);
    for (const [variable, name] of variables) {
      const url = Object.assign(new URL(eu.url), { host: host.replace(hostname, name), password: 'S3cret-word' });
      vi.stubEnv(variable, url.href);
    }
    const orm = await createOrm(defineConfig({ clientUrl: database.url, entities: [], migrations: {} }), {
      servers: {
        eu: { clientUrl: eu.url },
        down: { clientUrl: 'postgres://ann:S3cret-word@127.0.0.1:1/app' },
      },
      names: { database: (id) => `${database.name}_${id}` },
    });
    await using tenancy = createTenancy({ resources: [orm] });
    const examined = async (options?: Parameters<typeof orm.examineServers>[0]) => {
      const report = await orm.examineServers({ clients: 4, timeoutMs: 5_000, ...options });
      expect(JSON.stringify(report)).not.toContain('S3cret-word');
      return report;
    };
    const configured = [
      { server: 'default', isolations: ['schema', 'database', 'row'], report: { database: database.name } },
      // Tenants of another isolation would need central's database there.
      { server: 'eu', report: { pin: { holds: true } } },
      { server: 'down', fault: expect.stringContaining('nothing answers') },
    ];
    expect(await examined()).toMatchObject({ servers: configured, leftOut: 0 });

    await tenancy.migrateCentral();
    const tenants = variables.flatMap(([variable], n) => [`a${n}`, `b${n}`].map((id) => [id, variable] as const));
    for (const [id, variable] of tenants) {
      await tenancy.tenants.create({ id, isolation: 'database', placement: { url: `env:${variable}` } });
    }
    const own = (tenant: string) => ({
      server: 'own',
      tenant,
      isolations: ['database'],
      report: { pin: { holds: true } },
    });
    expect(await examined()).toMatchObject({ servers: [...configured, own('a0'), own('a1')], leftOut: 0 });
    expect(await examined({ maxOwnServers: 1 })).toMatchObject({ servers: [...configured, own('a0')], leftOut: 1 });

    const lines = (await examined()).servers.map(formatServerExamination);
    expect(lines[2]).toMatch(/^FAIL {2}Server "down": The database .*[^.]\.$/);
    expect(lines[3]).toContain('ok    The own server of tenant "a0": Tenant isolation holds');
    expect(lines[3]).not.toContain('Isolation "row"');
    for (const [id] of tenants) await tenancy.tenants.remove(id);
  });

  test('are not examined without that of central', async () => {
    const orm = await createOrm(
      defineConfig({ clientUrl: 'postgres://ann:S3cret-word@127.0.0.1:1/app', entities: [] }),
    );
    await using _tenancy = createTenancy({ resources: [orm] });
    expectUnavailable(await orm.examineServers().catch(identity));
  });
});
