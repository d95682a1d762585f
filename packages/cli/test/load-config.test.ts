import { afterEach, expect, test } from 'vitest';
import { type Application, openApplication } from './fixtures/command.ts';

let app: Application;
afterEach(() => app[Symbol.asyncDispose]());

function config(body: string) {
  return `
  import { defineConfig as defineMikroOrm } from '@mikro-orm/postgresql';
  import { defineConfig } from '@omnitenant/cli';
  import { createTenancy } from '@omnitenant/core';
  import { createOrm } from '@omnitenant/orm';
  ${body}
`;
}
function open(entities = '') {
  return `
  const orm = await createOrm(defineMikroOrm({ clientUrl: process.env.DATABASE_URL, entities: [${entities}], migrations: { migrationsList: [] } }));
  const tenancy = createTenancy({ resources: [orm] });
`;
}

test('a configuration may be an object, and its paths are relative to its file', async () => {
  const inFolder = open().replace('{ migrationsList: [] }', "{ path: './migrations' }");
  app = await openApplication({
    files: {
      'app/omnitenant.config.ts': config(`${inFolder} export default defineConfig({ tenancy, orm });`),
      'app/typo.config.ts': config(
        `${open()} export default defineConfig({ tenancy, orm, createSuperUser() {} } as never);`,
      ),
      'app/migrations/Migration1.ts': `
        import { Migration } from '@mikro-orm/migrations';
        export class Migration1 extends Migration { up() { this.addSql('create table task (id int)'); } }
      `,
    },
  });
  const call = ['--config', 'app/omnitenant.config.ts'];
  expect(await app.run(...call, 'migrate', '--central')).toMatchObject({ code: 0 });
  expect(await app.run(...call, 'create', 'acme')).toMatchObject({ code: 0 });
  expect((await app.run(...call, 'status', '--json')).out).toContain('"last": "Migration1"');
  expect(await app.run(...call, 'list', '--env', 'no.env')).toMatchObject({
    code: 2,
    err: 'error: File "no.env" does not exist.\n',
  });
  expect((await app.run('list', '--config', 'app/typo.config.ts')).err).toContain(
    'has no option "createSuperUser"; did you mean "createSuperuser"?',
  );
});

test('tsx runs the TypeScript that Node does not: decorators, parameter properties, imports by .js', async () => {
  const entity = `
    import { Entity, PrimaryKey, Property } from '@mikro-orm/decorators/legacy';
    enum Size { small = 'small' }
    @Entity() export class Parcel {
      @PrimaryKey({ type: 'integer' }) id!: number;
      @Property({ type: 'string' }) size: Size;
      constructor(public label: string) { this.size = Size.small; }
    }
  `;
  app = await openApplication({
    files: {
      'tsconfig.json': '{ "compilerOptions": { "experimentalDecorators": true } }',
      'parcel.ts': entity,
      'my.config.ts': config(
        `import { Parcel } from './parcel.js'; export default defineConfig(async () => { ${open('Parcel')} return { tenancy, orm }; });`,
      ),
      'script.ts': `import { Parcel } from './parcel.js'; export default ({ orm, tenant }) => console.log(tenant.id, orm.em.getMetadata().get(Parcel).className);`,
    },
  });
  const call = ['--config', 'my.config.ts'];
  expect(await app.run('migrate', '--central', ...call)).toMatchObject({ code: 0 });
  expect(await app.run(...call, 'create', 'acme')).toMatchObject({ code: 0 });
  // The script uses the same class as the application, because it is in the application's metadata.
  expect(await app.run('run', '--tenant', 'acme', 'script.ts', ...call)).toEqual({
    code: 0,
    out: 'acme Parcel\n',
    err: '',
  });
});

test('handles that an application leaves open do not keep the command running', async () => {
  const own = 'setInterval(() => {});';
  app = await openApplication({
    files: { 'omnitenant.config.ts': config(`${open()} ${own} export default { tenancy, orm };`) },
  });
  const { code, err } = await app.run('migrate', '--central');
  expect(code).toBe(0);
  expect(err).toContain('The application left something open; omnitenant exits anyway: Timeout.');
});

test('an error in the background ends the command, without a stack and without credentials', async () => {
  const fails = 'setTimeout(() => { throw new Error("no answer from redis://a:hunter2@b"); });';
  app = await openApplication({
    files: { 'omnitenant.config.ts': config(`${fails} export default () => new Promise(() => {});`) },
  });
  expect(await app.run('list')).toEqual({ code: 1, out: '', err: 'error: no answer from redis://***@b\n' });
});

test('tsx loads a CommonJS package', async () => {
  const files = {
    'package.json': '{ "type": "commonjs" }',
    'omnitenant.config.ts': config(`export default defineConfig(async () => { ${open()} return { tenancy, orm }; });`),
  };
  app = await openApplication({ files });
  expect(await app.run('migrate', '--central')).toMatchObject({ code: 0 });
  expect(await app.run('list', '--json')).toMatchObject({ code: 0, out: '[]\n' });
});

test.each([
  ['nothing', undefined, 2, 'There is no omnitenant.config.ts in this folder.'],
  ['no tenancy', 'export default { orm: {} };', 1, 'omnitenant.config.ts exports no tenancy.'],
  ['no default', 'export const a = 1;', 1, 'omnitenant.config.ts exports no tenancy and no orm.'],
  [
    'an error',
    'throw new Error("no DATABASE_URL, but postgres://a:hunter2@b/c");',
    1,
    'could not be loaded: no DATABASE_URL',
  ],
  ['an error of ours', config('await createOrm({});'), 1, 'error CONFIG_INVALID: createOrm needs'],
  ['a package that is not there', "import 'no-such-package';", 1, "Cannot find package 'no-such-package'"],
])('%s is reported in a sentence', async (_, text, code, why) => {
  app = await openApplication({ files: text === undefined ? {} : { 'omnitenant.config.ts': text } });
  const ended = await app.run('list');
  expect(ended).toMatchObject({ code, out: '', err: expect.stringContaining(why) });
  expect(ended.err).not.toMatch(/hunter2|^ {4}at |\.\./m);
});
