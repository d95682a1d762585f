import { inspect } from 'node:util';
import { defineConfig as definePglite } from '@mikro-orm/pglite';
import { defineConfig } from '@mikro-orm/postgresql';
import { isTenancyError } from '@omnitenant/core';
import { obtainable, plainDatabase, type TestDatabase, testDatabase, testPgBouncer } from '@omnitenant/tooling';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DoctorReport, doctor } from '../src/doctor/doctor.ts';
import { formatDoctorReport } from '../src/doctor/report.ts';

function examine(clientUrl: string) {
  return doctor(defineConfig({ clientUrl }), { timeoutMs: 1_000 });
}

function identity(rejection: unknown): unknown {
  return rejection;
}

function expectUnavailable(error: unknown): void {
  expect(isTenancyError(error, 'SERVER_UNAVAILABLE'), String(error)).toBe(true);
  expect(`${inspect(error, { depth: 10 })} ${JSON.stringify(error)}`).not.toContain('S3cret-word');
}

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
      server: { readOnly: false, version: expect.stringMatching(/^\d+/) },
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
      "ok    Isolation 'row': without a pin, the role reads no shared table.",
    );
    expect(formatDoctorReport(report)).not.toMatch(/FAIL|note {2}Isolation/);
  });

  test('finds a role that row-level security does not bind, and one that may do nothing', async () => {
    await using whole = await testDatabase();
    const report = await examine(whole.url);
    expect(report.role).toMatchObject({ superuser: true, bypassesRowSecurity: true });
    expect(formatDoctorReport(report)).toContain('only the pin binds this login, a superuser');
    const powerless: DoctorReport = {
      ...report,
      role: { ...report.role, mayCreateSchemas: false, mayCreateDatabases: false, mayCreateRoles: false },
      pin: { holds: false, statements: 1 },
    };
    expect(formatDoctorReport(powerless)).toMatch(/grant create on database[\s\S]*createdb[\s\S]*createrole/);
    expect(formatDoctorReport(powerless)).toContain('FAIL  Tenants do not stay apart here');
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
      expect(formatDoctorReport(report)).toContain(`by ${poolMode}`.replace('by session', 'for each session'));
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
