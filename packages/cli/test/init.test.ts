import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type Application, enter, openApplication } from './fixtures/command.ts';

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
  expect(readFileSync(join(app.folder, 'omnitenant.config.ts'), 'utf8')).toContain("fromSubdomain('localhost')");
  const [first = ''] = readdirSync(join(app.folder, 'migrations')).filter((name) => name.endsWith('.ts'));
  expect(first).toContain('initial');

  expect(await app.run('migrate', '--central')).toMatchObject({ code: 0 });
  expect(await app.run('create', 'acme')).toMatchObject({ code: 0 });
  expect(await app.run('shell', 'acme', '-e', 'await em.count(Task)')).toEqual({ code: 0, out: '0\n', err: '' });

  const again = await app.run('init');
  expect(again).toMatchObject({ code: 2, err: 'error: omnitenant.config.ts already exists; nothing was written.\n' });

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
    expect(existsSync(join(app.folder, 'omnitenant.config.ts'))).toBe(false);
  }
});

test('init works without a MikroORM configuration, and asks nothing in a script', async () => {
  app = await openApplication({ files: {} });
  const { code, out, err } = await app.run('init', '--base', 'app.com', '--isolation', 'database');
  expect({ code, err }).toEqual({
    code: 0,
    err: expect.stringContaining('The migration is empty because there are no entities yet.\nNext:'),
  });
  expect(out).toMatch(/^wrote omnitenant\.config\.ts\nwrote migrations\/Migration\d+_initial\.ts\n$/);
  expect(readFileSync(join(app.folder, 'omnitenant.config.ts'), 'utf8')).toContain("isolation: 'database'");
  expect(await app.run('migrate', '--central')).toMatchObject({ code: 0 });
});
