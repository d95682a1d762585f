import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Application, ctrlC, enter, openApplication } from './fixtures/command.ts';
import { lockTasks } from './fixtures/lock-tasks.ts';

const first = 'Migration20260101CreateTask';
const second = 'Migration20260201AddDone';

let app: Application;
beforeAll(async () => {
  app = await openApplication({ tenants: ['acme', 'bloom', 'cobalt'] });
});
afterAll(() => app[Symbol.asyncDispose]());

async function pending() {
  const rows: { tenant: string }[] = JSON.parse((await app.run('status', '--pending', '--json')).out);
  return rows.map(({ tenant }) => tenant);
}

function undoSecond() {
  return app.run('rollback', '--all', '--to', first, '--yes');
}

describe('with pending migrations', () => {
  beforeEach(undoSecond);

  test('status shows who has pending migrations, for all tenants and for one, and --check fails', async () => {
    const all = await app.run('status', '--check');
    expect(all.code).toBe(1);
    expect(all.out).toMatch(new RegExp(`^acme +active +schema +${first} +1 pending$`, 'm'));
    expect(all.err).toBe('3 of 3 tenants have pending migrations\n');
    const one = await app.run('status', 'acme');
    expect(one.out).toMatch(new RegExp(`^${first} +applied\n${second} +pending$`, 'm'));
    const json = JSON.parse((await app.run('status', 'acme', '--json')).out);
    expect(json).toMatchObject([{ tenant: 'acme', last: first, pending: [second] }]);
  });

  test('status --summary shows how many tenants have which migrations, those of most tenants first', async () => {
    await app.run('migrate', 'bloom');
    const { code, out, err } = await app.run('status', '--summary');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(
      new RegExp(
        `^tenants +last migration +state\\n(?:-.*\\n)?2 +${first} +1 pending\\n1 +${second} +up to date\\n$`,
        'm',
      ),
    );
    expect(JSON.parse((await app.run('status', '--summary', '--pending', '--json')).out)).toEqual([
      { last: first, state: '1 pending', tenants: 2 },
    ]);
    expect(await app.run('status', '--summary', '--check')).toMatchObject({ code: 1 });
    await app.run('shell', 'acme', '-e', 'await em.execute("alter table task drop column title")');
    const deep = JSON.parse((await app.run('status', '--summary', '--deep', '--json')).out);
    expect(deep).toContainEqual({ last: first, state: 'differs', tenants: 1 });
    await app.run('shell', 'acme', '-e', 'await em.execute("alter table task add column title text not null")');
    expect(await app.run('status', '--summary', '--central')).toMatchObject({ code: 2 });
  });

  test('plan shows the SQL, and changes nothing', async () => {
    const { code, out } = await app.run('plan');
    expect(code).toBe(0);
    expect(out).toContain(`3 tenants (acme, bloom, cobalt): ${second}`);
    expect(out).toContain('  alter table task add column done boolean not null default false;');
    expect(out).toContain('  lock: It waits for all sessions that use the table');
    expect(await pending()).toEqual(['acme', 'bloom', 'cobalt']);
  });

  test('migrates one tenant, those that match a pattern, and all', async () => {
    expect(await app.run('migrate', 'acme')).toMatchObject({ code: 0, out: '1 migrated\n' });
    expect(await app.run('migrate', 'b*')).toMatchObject({ code: 0, out: '1 migrated\n' });
    expect(await pending()).toEqual(['cobalt']);
    expect(await app.run('migrate', '--central', '--all')).toMatchObject({ code: 0, out: '1 migrated\n' });
    expect(await app.run('migrate', '--all')).toMatchObject({ code: 0, out: 'Nothing to do.\n' });
    expect(await app.run('status', '--check')).toMatchObject({ code: 0 });
  });

  test('a tenant that fails is reported with its reason, does not stop the others, and is migrated by the next run', async () => {
    const spoil = 'await em.execute("alter table task add column done text")';
    await app.run('shell', 'bloom', '-e', spoil);
    const failed = await app.run('migrate', '--all');
    expect(failed).toMatchObject({ code: 1, out: '2 migrated, 1 failed\n' });
    expect(failed.err).toMatch(/^failed "bloom": MIGRATE_FAILED: .*"done"/m);
    expect(failed.err).toContain('Run the same command again');
    await app.run('shell', 'bloom', '-e', 'await em.execute("alter table task drop column done")');
    expect(await app.run('migrate', '--all', '--json')).toMatchObject({
      code: 0,
      out: expect.stringContaining('"migrated": 1'),
    });
  });

  test('if a canary fails, the other tenants are not migrated', async () => {
    await app.run('shell', 'acme', '-e', 'await em.execute("alter table task add column done text")');
    const { code, out, err } = await app.run('migrate', '--all', '--canary', 'acme');
    expect({ code, out }).toEqual({ code: 1, out: '1 failed, 2 not started\n' });
    expect(err).toContain('Stopped: one of the --canary tenants failed.');
    await app.run('shell', 'acme', '-e', 'await em.execute("alter table task drop column done")');
  });

  test('Ctrl-C finishes the tenant in progress, starts no other, and says how to continue', async () => {
    await using lock = await lockTasks(app, 'acme');
    const terminal = app.onTerminal('migrate', '--all', '--concurrency', '1');
    await lock.waitedFor();
    terminal.type(ctrlC);
    await terminal.until('Finishing the work in progress');
    await lock.release();
    expect(await terminal.ended).toBe(1);
    expect(terminal.shown()).toContain('1 migrated, 2 not started');
    expect(terminal.shown()).toContain('Run the same command again');
    expect(await pending()).toEqual(['bloom', 'cobalt']);
  });

  test('a terminal shows the progress', async () => {
    const terminal = app.onTerminal('migrate', '--all');
    expect(await terminal.ended).toBe(0);
    expect(terminal.shown()).toMatch(/migrating .*\/3 · 0 failed · \w+/);
    expect(terminal.shown()).toContain('3 migrated');
  });
});

test('verify, status --deep and doctor tell of tables that no migration has made, and --fix of what central has recorded', async () => {
  await app.run('migrate', '--all');
  expect(await app.run('verify')).toMatchObject({ code: 0, out: '3 of 3 tenants are what their migrations make\n' });
  await app.run('shell', 'acme', '-e', 'await em.execute("alter table task drop column title")');
  await app.run(
    'shell',
    '--central',
    '-e',
    `await em.execute("update company set schema_version = 'none' where id = 'bloom'")`,
  );

  const { code, out } = await app.run('verify');
  expect(code).toBe(1);
  expect(out).toContain('1 tenant (acme)\n  The tables were changed by something other than a migration');
  expect(out).toContain('  - column "task.title" is missing\n');
  expect(out).toContain('1 tenant (bloom)\n  The log has');
  expect(out).toMatch(/\n1 of 3 tenants are what their migrations make\n$/);
  const json = JSON.parse((await app.run('verify', 'a*', '--json')).out);
  expect(json).toMatchObject({ well: 0, groups: [{ problem: 'differs', tenants: ['acme'], fixed: false }] });
  const deep = await app.run('status', '--deep', '--check');
  expect(deep).toMatchObject({
    code: 1,
    out: expect.stringMatching(/^acme .* differs\nbloom .* unrecorded\ncobalt .* up to date$/m),
  });
  expect(await app.run('doctor')).toMatchObject({
    code: 1,
    out: expect.stringContaining('FAIL  1 tenant (acme): The tables'),
  });

  expect(await app.run('verify', 'bloom', '--fix')).toMatchObject({
    code: 0,
    out: expect.stringContaining('fixed: 1 tenant (bloom)'),
  });
  await app.run('shell', 'acme', '-e', 'await em.execute("alter table task add column title text not null")');
  expect(await app.run('verify')).toMatchObject({ code: 0 });
});

describe('rollback and fake', () => {
  beforeEach(undoSecond);

  test('rollback asks first, and undoes nothing if the answer is no', async () => {
    await app.run('migrate', '--all');
    const terminal = app.onTerminal('rollback', '--all');
    await terminal.until('alter table task drop column done;');
    await terminal.until('loss: It drops a column with its values');
    await terminal.until(`Undo ${second} in 3 tenants (acme, bloom, cobalt)? What its tables and columns hold is lost`);
    terminal.type(enter);
    expect(await terminal.ended).toBe(130);
    expect(await pending()).toEqual([]);
    expect(await app.run('rollback', 'acme')).toMatchObject({ code: 2, err: expect.stringContaining('--yes') });
    expect(await app.run('rollback', 'acme', '--yes')).toMatchObject({ code: 0, out: '1 rolled back\n' });
    expect(await pending()).toEqual(['acme']);
    expect(await app.run('rollback', 'acme')).toMatchObject({ code: 0, out: 'Nothing to do.\n' });
    expect(await app.run('rollback', '--all', '--step', '2', '--skip', 'acme,c*', '--yes')).toMatchObject({
      code: 0,
      out: '1 rolled back\n',
    });
    expect(await app.run('migrate', 'bloom', '--step', '1')).toMatchObject({ code: 0, out: '1 migrated\n' });
    expect(await pending()).toEqual(['acme', 'bloom']);
  });

  test('fake marks migrations and runs none', async () => {
    expect(await app.run('fake', 'acme')).toMatchObject({ code: 0, out: '1 marked\n' });
    expect(await app.run('migrate', 'bloom', '--fake')).toMatchObject({ code: 0 });
    expect(await pending()).toEqual(['cobalt']);
    const columns = `select count(*)::int as n from information_schema.columns where table_schema = current_schema() and column_name = 'done'`;
    expect((await app.run('shell', 'acme', '-e', `(await em.execute(\`${columns}\`))[0].n`)).out).toBe('0\n');
    await app.run('fake', '--all', '--to', first);
  });
});

test('central alone is reported as JSON, too', async () => {
  expect(JSON.parse((await app.run('migrate', '--central', '--json')).out)).toMatchObject({ migrated: 0, failed: [] });
  expect(JSON.parse((await app.run('rollback', '--central', '--yes', '--json')).out)).toEqual({ undone: [] });
  const status = await app.run('status', '--central');
  expect(status).toMatchObject({ code: 0, err: 'central: 0 of 0 migrations pending\n' });
});

test.each([
  [['migrate', '--central', '--to', first], 1, 'MIGRATION_UNKNOWN'],
  [['rollback', 'acme', '--central', '--yes'], 2, '--central cannot be combined with tenants'],
  [['rollback', '--all', '--central', '--yes'], 2, '--central cannot be combined with tenants'],
  [['migrate'], 2, 'Name the tenants'],
  [['migrate', 'nobody'], 1, 'TENANT_UNKNOWN'],
  [['migrate', 'z*'], 2, 'No tenant matches "z*"'],
  [['migrate', 'acme', '--to', 'Nowhere'], 1, 'MIGRATION_UNKNOWN'],
  [['migrate', '--all', '--concurrency', '0'], 2, 'It must be at least 1'],
])('%j is refused, with what to do', async (args, code, why) => {
  expect(await app.run(...args)).toMatchObject({ code, out: '', err: expect.stringContaining(why) });
});

const twoReleases = `
  import { defineConfig as defineMikroOrm } from '@mikro-orm/postgresql';
  import { Migration } from '@mikro-orm/migrations';
  import { defineConfig } from '@omnitenant/cli';
  import { createTenancy } from '@omnitenant/core';
  import { createOrm } from '@omnitenant/orm';

  class First extends Migration { up() { this.addSql('create table task (id int)'); } }
  class Second extends Migration { up() { this.addSql('alter table task add column done boolean'); } }
  const migrationsList = process.env.RELEASE === 'former' ? [First] : [First, Second];
  const orm = await createOrm(
    defineMikroOrm({ clientUrl: process.env.DATABASE_URL, entities: [], migrations: { migrationsList } }),
  );
  export default defineConfig({ tenancy: createTenancy({ resources: [orm] }), orm });
`;

test('the former release calls tenants of the next one neither up to date nor pending', async () => {
  await using two = await openApplication({ tenants: ['acme'], files: { 'omnitenant.config.ts': twoReleases } });
  const former = { env: { RELEASE: 'former' } };
  const { code, out, err } = await two.runWith(former, 'status', '--check');
  expect({ code, err }).toEqual({ code: 0, err: '0 of 1 tenant have pending migrations\n' });
  expect(out).toMatch(/^acme +active +schema +Second +migrated by newer code$/m);
  expect(await two.runWith(former, 'migrate', '--all')).toMatchObject({
    code: 0,
    out: '1 left alone: migrated by newer code\n',
  });
  expect((await two.run('status')).out).toMatch(/up to date/);
});
