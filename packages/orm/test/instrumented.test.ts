import { createRequire } from 'node:module';
import { defineEntity, p } from '@mikro-orm/core';
import { defineConfig } from '@mikro-orm/postgresql';
import { obtainable, plainDatabase, testPgBouncer } from '@omnitenant/tooling';
import type pg from 'pg';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Author } from '../src/testing/library.ts';
import { generateCredentialsKey } from '../src/vault/keys.ts';
import { migration, rowApplication } from './fixtures/row-application.ts';
import { runLibrary } from './fixtures/running-library.ts';

/** The `pg` that MikroORM has. */
const { Client } = createRequire(import.meta.resolve('@mikro-orm/postgresql'))('pg') as typeof pg;

/** What is given to `pg`, as OpenTelemetry's instrumentation reads it: it names a span after the first word. */
function watched(): string[] {
  const texts: string[] = [];
  const query = Client.prototype.query as (...given: unknown[]) => unknown;
  const spy = vi.spyOn(Client.prototype, 'query').mockImplementation(function (this: pg.Client, ...given: unknown[]) {
    const [first] = given;
    texts.push(typeof first === 'string' ? first : String((first as { text?: unknown }).text));
    return query.apply(this, given);
  } as never);
  onTestFinished(() => spy.mockRestore());
  return texts;
}

const Task = defineEntity({ name: 'Task', properties: { id: p.integer().primary(), title: p.string() } });

const reads = /^select .* from "author"/;

test.each(['schema', 'row', 'database'])(
  'who listens to pg sees the statement that is sent, and no pin: %s',
  async (isolation) => {
    const database = await plainDatabase();
    onTestFinished(database.drop);
    const tenants = { acme: { isolation }, bloom: { isolation } };
    await using library = await runLibrary(defineConfig({ clientUrl: database.url, pool: { max: 1 } }), tenants);
    const { tenancy, orm } = library;
    const texts = watched();
    for (let round = 0; round < 12; round += 1) {
      for (const id of Object.keys(tenants))
        await tenancy.run(id, () => orm.em.fork().findOneOrFail(Author, { name: `first of ${id}` }));
    }
    await tenancy.run('acme', () => orm.em.execute('update author set name = name'));
    expect(texts.filter((text) => reads.test(text))).toHaveLength(24);
    expect(texts).toContain('update author set name = name');
    expect(texts.filter((text) => /^(?:set|execute|prepare|begin)\b/i.test(text))).toEqual([]);
  },
);

test('where tenants that share tables have a login of their own as well', async () => {
  const CreateTask = migration('CreateTask', 'create table task (id serial primary key, title text not null)');
  await using app = await rowApplication();
  const rows = { password: 'tenants', keys: generateCredentialsKey() };
  const started = { entities: [Task], options: { rows }, config: { pool: { max: 1 } } };
  const { tenancy, orm, sql } = await app.start([CreateTask], started);
  for (const id of ['acme', 'bloom']) {
    await tenancy.tenants.create({ id });
    await sql(id, `insert into task (title) values ('of ${id}')`);
  }
  const texts = watched();
  for (let round = 0; round < 12; round += 1) {
    for (const id of ['acme', 'bloom'])
      await tenancy.run(id, () => orm.em.fork().findOneOrFail(Task, { title: `of ${id}` }));
  }
  // And one message more, in which it is prepared.
  expect(texts.filter((text) => /^select .* from "task"/.test(text))).toHaveLength(24 + 1);
  expect(texts.filter((text) => /^(?:set|execute|prepare|begin)\b/i.test(text))).toEqual([]);
});

test.skipIf(!(await obtainable('pgbouncer')))('through a pooler as well', async () => {
  const database = await plainDatabase();
  onTestFinished(database.drop);
  const bouncer = await testPgBouncer({ upstream: database.url, poolSize: 2 });
  onTestFinished(bouncer.stop);
  await using library = await runLibrary(defineConfig({ clientUrl: bouncer.url }), { acme: { isolation: 'schema' } });
  const { tenancy, orm } = library;
  const texts = watched();
  for (let round = 0; round < 6; round += 1) await tenancy.run('acme', () => orm.em.fork().find(Author, {}));
  expect(texts.filter((text) => reads.test(text))).toHaveLength(6);
  expect(texts.filter((text) => /^set\b/i.test(text) && !text.includes('pg_backend_pid'))).toEqual([]);
});
