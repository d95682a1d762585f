import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { type Application, enter, node, openApplication } from './fixtures/command.ts';

const entities = `
  import { defineEntity, p } from '@mikro-orm/core';
  export const Task = defineEntity({ name: 'Task', properties: { id: p.integer().primary(), title: p.string() } });
`;
const mikroOrm = `
  import { defineConfig } from '@mikro-orm/postgresql';
  import { forTenants } from '@omnitenant/orm';
  import { Task } from './entities.ts';
  export default forTenants(defineConfig({ clientUrl: process.env.DATABASE_URL, entities: [Task], migrations: { path: './migrations' } }));
`;

let app: Application;
afterEach(() => app[Symbol.asyncDispose]());

test('init writes a configuration and a first migration that an application can start with', async () => {
  app = await openApplication({ files: { 'entities.ts': entities, 'mikro-orm.config.ts': mikroOrm } });
  const terminal = app.onTerminal('init');
  await terminal.until('Base host');
  terminal.type(enter);
  await terminal.until('How should tenants be isolated?');
  terminal.type(enter);
  expect(await terminal.ended).toBe(0);
  await terminal.until('omnitenant.config.ts');
  expect(readFileSync(join(app.folder, 'tenancy.ts'), 'utf8')).toContain("fromSubdomain('localhost')");
  const [first = ''] = readdirSync(join(app.folder, 'migrations')).filter((name) => name.endsWith('.ts'));
  expect(first).toContain('initial');

  expect(await app.run('migrate', '--central')).toMatchObject({ code: 0 });
  expect(await app.run('create', 'acme')).toMatchObject({ code: 0 });
  expect(await app.run('shell', 'acme', '-e', 'await em.count(Task)')).toEqual({ code: 0, out: '0\n', err: '' });

  const again = await app.run('init');
  expect(again).toMatchObject({ code: 2, err: 'error: omnitenant.config.ts already exists; nothing was written.\n' });

  // The application imports the same module as the command.
  await writeFile(
    join(app.folder, 'server.ts'),
    "import { orm, tenancy } from './tenancy.ts'; import { Task } from './entities.ts';" +
      "console.log(await tenancy.run('acme', () => orm.em.count(Task))); await tenancy.close();",
  );
  const server = await promisify(execFile)(process.execPath, [...node, 'server.ts'], { cwd: app.folder, env: app.env });
  expect(server.stdout).toBe('0\n');

  // migration:create continues where init stopped.
  expect((await app.run('migration:create')).out).toContain('nothing was written');
  const blank = await app.run('migration:create', 'seed', '--blank');
  expect(blank).toMatchObject({ code: 0, out: expect.stringMatching(/^wrote migrations\/Migration\d+_seed\.ts$/m) });
  expect(await app.run('status', '--check')).toMatchObject({ code: 1 });
  expect(await app.run('migrate', '--all')).toMatchObject({ code: 0, out: '1 migrated\n' });
});

test('an init that fails says what to change and leaves no file behind, so that it can be run again', async () => {
  const bare = mikroOrm.replace('forTenants(defineConfig(', 'defineConfig(').replace('}));', '});');
  app = await openApplication({ files: { 'entities.ts': entities, 'mikro-orm.config.ts': bare } });
  for (const _ of ['once', 'again']) {
    const err = expect.stringContaining('forTenants(defineConfig({ … }))');
    expect(await app.run('init')).toMatchObject({ code: 1, out: '', err });
    for (const name of ['omnitenant.config.ts', 'tenancy.ts']) expect(existsSync(join(app.folder, name))).toBe(false);
  }
});

test('init --agents writes the rules for coding assistants, and overwrites none', async () => {
  app = await openApplication({ files: { 'AGENTS.md': 'ours' } });
  const refused = await app.run('init', '--agents');
  expect(refused).toMatchObject({ code: 2, err: 'error: AGENTS.md already exists; nothing was written.\n' });
  expect(existsSync(join(app.folder, 'tenancy.ts'))).toBe(false);
  rmSync(join(app.folder, 'AGENTS.md'));
  expect((await app.run('init', '--agents')).out).toContain('wrote AGENTS.md\n');
  expect(readFileSync(join(app.folder, 'AGENTS.md'), 'utf8')).toContain('Never name a schema');
});

test('init works without a MikroORM configuration, and asks nothing in a script', async () => {
  app = await openApplication({ files: {} });
  const { code, out, err } = await app.run('init', '--base', 'app.com', '--isolation', 'database');
  expect({ code, err }).toEqual({
    code: 0,
    err: expect.stringMatching(
      /^There are no entities of tenants yet\.\nNext: add your entities .+ run: omnitenant migration:create\n/,
    ),
  });
  expect(out).toBe('wrote tenancy.ts\nwrote omnitenant.config.ts\n');
  expect(readdirSync(app.folder, { recursive: true }).filter((name) => String(name).includes('initial'))).toEqual([]);
  expect(readFileSync(join(app.folder, 'tenancy.ts'), 'utf8')).toContain("isolation: 'database'");
  expect(await app.run('migrate', '--central')).toMatchObject({ code: 0 });
});

test('init fits into src and CommonJS, and migrations go on from the snapshot of MikroORM', async () => {
  const own = `
    import { MikroORM } from '@mikro-orm/postgresql';
    import { Migrator } from '@mikro-orm/migrations';
    import module from './src/mikro-orm.config.ts';
    // What tsx compiles to CommonJS has its default export in one more object.
    const { extensions, ...plain } = module.default ?? module;
    const orm = await MikroORM.init({ ...plain, extensions: [Migrator] });
    await orm.migrator.create();
    await orm.close();
  `;
  const column = 'title: p.string(), note: p.string().nullable() } });\n';
  app = await openApplication({
    files: {
      'package.json': '{ "type": "commonjs" }',
      'src/entities.ts': entities,
      'src/mikro-orm.config.ts': mikroOrm.replace("'./migrations'", "'./src/migrations'"),
      'before.mts': own,
    },
  });
  const tsx = [...node, `--import=${import.meta.resolve('tsx')}`];
  await promisify(execFile)(process.execPath, [...tsx, 'before.mts'], { cwd: app.folder, env: app.env });
  const [snapshot = ''] = readdirSync(join(app.folder, 'src/migrations')).filter((name) =>
    name.startsWith('.snapshot'),
  );
  expect(snapshot).toBe(`.snapshot-${app.database}.json`);

  expect(await app.run('init')).toEqual({
    code: 0,
    out: 'wrote src/tenancy.ts\nwrote omnitenant.config.ts\n',
    err: expect.stringContaining('There are already migrations, starting with Migration'),
  });
  expect((await app.run('migration:create')).out).toContain('nothing was written');
  await writeFile(join(app.folder, 'src/entities.ts'), entities.replace('title: p.string() } });\n', column));
  const changed = await app.run('migration:create', 'note');
  expect(changed.out).toContain('alter table "task" add "note"');
  expect(changed.out).not.toContain('create table');
  expect(await app.run('migrate', '--central')).toMatchObject({ code: 0 });
  expect(await app.run('create', 'acme')).toMatchObject({ code: 0 });
  expect((await app.run('shell', 'acme', '-e', 'await em.count(Task, { note: null })')).out).toBe('0\n');
});
