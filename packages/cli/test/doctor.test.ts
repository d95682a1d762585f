import { testDatabase } from '@omnitenant/tooling';
import { expect, test } from 'vitest';
import { ctrlC, openApplication } from './fixtures/command.ts';

test('doctor reports on the server, and on tenants that need attention', async () => {
  await using app = await openApplication();
  expect((await app.run('doctor')).out).toContain(
    'note  The central tables do not exist yet. Run: omnitenant migrate --central',
  );

  for (const call of [['list'], ['status'], ['migrate', '--all'], ['create', 'acme']]) {
    expect(await app.run(...call)).toMatchObject({
      code: 1,
      err: expect.stringContaining('omnitenant migrate --central'),
    });
  }

  await app.run('migrate', '--central');
  await app.run('create', 'acme');
  await app.run('rollback', 'acme', '--yes');
  const { code, out } = await app.run('doctor');
  expect(code).toBe(0);
  expect(out).toContain('ok    Server "default": Tenant isolation holds');
  expect(out).toContain('ok    Tenants: 1 active.\nnote  1 tenant has pending migrations. See: omnitenant plan\n');

  await app.run('shell', '--central', '-e', `await em.execute("update company set status = 'provisioning'")`);
  expect((await app.run('doctor')).out).toContain('note  Tenant "acme" is incomplete. Run: omnitenant repair acme');
  expect(await app.run('migrate', 'acme')).toMatchObject({
    code: 2,
    err: expect.stringContaining('omnitenant repair acme'),
  });
  expect(await app.run('repair', 'acme')).toMatchObject({
    code: 0,
    out: expect.stringContaining('repaired "acme": acme, active'),
  });
  expect(JSON.parse((await app.run('doctor', '--json')).out)).toMatchObject({
    servers: [{ server: 'default', report: { pin: { holds: true } } }],
    leftOut: 0,
    tenants: { byStatus: { active: 1 }, pending: 0 },
    health: { ready: true, checks: expect.arrayContaining([expect.objectContaining({ name: 'orm: server default' })]) },
  });

  await app.run('shell', '--central', '-e', `await em.execute("update company set status = 'failed'")`);
  expect(await app.run('repair', 'acme', '--clear')).toMatchObject({ code: 2 });
  expect(await app.run('repair', 'acme', '--clear', '--confirm', 'acme')).toMatchObject({
    code: 0,
    out: 'cleared "acme"\n',
  });
  expect(await app.run('list', '--json')).toMatchObject({ out: '[]\n' });
});

test('a server that is down is reported without its password', async () => {
  await using app = await openApplication();
  const env = { DATABASE_URL: 'postgres://ann:hunter2@127.0.0.1:1/app' };
  for (const call of [['list'], ['list', '--verbose']]) {
    const { code, out, err } = await app.runWith({ env }, ...call);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^error (SERVER|STORE)_UNAVAILABLE: .*nothing answers/);
    expect(err).not.toContain('hunter2');
  }

  // What health says is printed all the same, for people and for programs.
  for (const call of [['doctor'], ['doctor', '--json']]) {
    const { code, out, err } = await app.runWith({ env }, ...call);
    expect(code).toBe(1);
    expect(err).toMatch(/^error (SERVER|STORE)_UNAVAILABLE: .*nothing answers/);
    expect(out + err).not.toContain('hunter2');
    if (call.includes('--json')) {
      const failed = { name: 'store', status: 'failed', reason: expect.stringContaining('nothing answers') };
      expect(JSON.parse(out)).toEqual({
        health: {
          live: true,
          ready: false,
          checks: expect.arrayContaining([{ ...failed, ms: expect.any(Number) }]),
        },
      });
    } else expect(out).toMatch(/^FAIL {2}Check "store": .*nothing answers/m);
  }
});

test('doctor fails where a tenant could reach shared tables that are not protected, with the SQL, and take-over protects them', async () => {
  await using app = await openApplication();
  await app.run('migrate', '--central');
  await app.run('create', 'acme', '--isolation', 'row');
  const good = `ok    Isolation 'row', schema "rows" of "${app.database}": 1 tenant is kept apart, but not from hostile SQL: the wall is off, as they have the application's login (option rows).`;
  expect(await app.run('doctor')).toMatchObject({ code: 0, out: expect.stringContaining(good) });

  await app.run('shell', '--central', '-e', 'await em.execute("alter table rows.task disable row level security")');
  const { code, out } = await app.run('doctor');
  expect(code).toBe(1);
  expect(out).toContain('rows.task: its row-level security is off.');
  expect(out).toMatch(/have a database administrator run this SQL:\n {6}begin; .*enable row level security; commit;/);

  expect(await app.run('take-over')).toMatchObject({
    code: 0,
    out: 'The tables of the schema "rows" are protected.\n',
  });
  expect(await app.run('doctor')).toMatchObject({ code: 0, out: expect.stringContaining(good) });
  expect(await app.run('take-over', '--schema', 'nowhere')).toMatchObject({
    code: 1,
    err: expect.stringContaining('There is no schema "nowhere" to take over.'),
  });

  const roles = ['', '_owner', '_changes', '_login']
    .map((suffix) => `\\"${app.database}_rows_tenants${suffix}\\"`)
    .join();
  const clean = `await em.execute("drop owned by ${roles} cascade; drop role ${roles}")`;
  expect(await app.run('shell', '--central', '-e', clean)).toMatchObject({ code: 0 });
});

test('doctor --watch prints what changes, until Ctrl-C, and its exit code is that of the last look', async () => {
  await using app = await openApplication({ tenants: ['acme'] });
  const watching = app.onTerminal('doctor', '--watch', '1');
  await watching.until('ok    Tenants: 1 active.');
  await app.run('rollback', 'acme', '--yes');
  await watching.until('note  Check "orm: migrations": 1 tenant has other migrations than this code.');
  await app.run('migrate', 'acme');
  await watching.until('ok    Check "orm: migrations": works');
  watching.type(ctrlC);
  expect(await watching.ended).toBe(0);
});

test('doctor examines each server, and goes on with the others where one is down', async () => {
  await using app = await openApplication();
  await using other = await testDatabase();
  const own = 'DATABASE_OF_ACME';
  const env = { DATABASE_EU: other.url, [own]: withPassword(other.url) };
  await app.runWith({ env }, 'migrate', '--central');
  const create = `await tenancy.tenants.create({ id: 'acme', isolation: 'database', placement: { url: 'env:${own}' } })`;
  expect(await app.runWith({ env }, 'shell', '--central', '-e', create)).toMatchObject({ code: 0 });

  const whole = await app.runWith({ env }, 'doctor');
  expect(whole.code).toBe(0);
  for (const name of ['Server "default"', 'Server "eu"', 'The own server of tenant "acme"']) {
    expect(whole.out).toContain(`ok    ${name}: Tenant isolation holds`);
  }

  const down = { ...env, DATABASE_EU: 'postgres://ann:hunter2@127.0.0.1:1/app' };
  const { code, out } = await app.runWith({ env: down }, 'doctor');
  expect(code).toBe(1);
  expect(out).toMatch(/FAIL {2}Server "eu": .*nothing answers/);
  expect(out).toContain('ok    The own server of tenant "acme": Tenant isolation holds');
  expect(out).not.toContain('hunter2');
  const gone = { ...env, [own]: 'postgres://ann:hunter2@127.0.0.1:1/app' };
  const asJson = await app.runWith({ env: gone }, 'doctor', '--json');
  expect(asJson.code).toBe(1);
  expect(asJson.out).not.toContain('hunter2');
  expect(JSON.parse(asJson.out).servers).toMatchObject([
    { server: 'default', report: { pin: { holds: true } } },
    { server: 'eu', report: { pin: { holds: true } } },
    { server: 'own', tenant: 'acme', fault: expect.stringContaining('nothing answers') },
  ]);

  expect(await app.runWith({ env }, 'remove', 'acme', '--confirm', 'acme')).toMatchObject({ code: 0 });
});

test("doctor --watch looks at tenants' own servers too", async () => {
  await using app = await openApplication();
  await using other = await testDatabase();
  const env = { DATABASE_OF_ACME: withPassword(other.url) };
  await app.runWith({ env }, 'migrate', '--central');
  const create = (placement: string) =>
    `await tenancy.tenants.create({ id: 'acme', isolation: 'database', placement: { url: '${placement}' } })`;
  await app.runWith({ env }, 'shell', '--central', '-e', create('env:DATABASE_OF_ACME'));
  const watching = app.onTerminalWith({ env }, 'doctor', '--watch', '1');
  await watching.until('ok    Tenants: 1 active.');
  const move = (to: string) =>
    app.runWith({ env }, 'shell', '--central', '-e', `await orm.credentials.replace('acme', 'env:${to}')`);
  await move('DATABASE_OF_NOBODY');
  await watching.until('FAIL  Check "doctor: own server of acme"');
  await move('DATABASE_OF_ACME');
  await watching.until('ok    Check "doctor: own server of acme": works');
  watching.type(ctrlC);
  expect(await watching.ended).toBe(0);
  await app.runWith({ env }, 'remove', 'acme', '--confirm', 'acme');
});

/** A tenant's own server is named with a password, which the server of the tests does not ask for. */
function withPassword(url: string): string {
  return Object.assign(new URL(url), { password: 'S3cret-word' }).href;
}
