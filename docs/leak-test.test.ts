import assert from 'node:assert/strict';
import { defineEntity, p } from '@mikro-orm/core';
import { Migration } from '@mikro-orm/migrations';
import { defineConfig } from '@mikro-orm/pglite';
import { createTenancy, fromSubdomain, type Tenancy } from '@omnitenant/core';
import { tenancyMiddleware as expressTenancy } from '@omnitenant/express';
import { tenancyMiddleware as honoTenancy } from '@omnitenant/hono';
import { createOrm, type Orm } from '@omnitenant/orm';
import { expectNoLeak, type LeakApp } from '@omnitenant/orm/testing';
import express from 'express';
import { Hono } from 'hono';
import { afterAll, beforeAll, describe, test } from 'vitest';

const Task = defineEntity({ name: 'Task', properties: { id: p.integer().primary(), title: p.string() } });

class CreateTask extends Migration {
  override up(): void {
    this.addSql('create table task (id serial primary key, title text not null)');
  }
}

const tenants = ['acme', 'bloom'];
let orm: Orm;
let tenancy: Tenancy;

beforeAll(async () => {
  const migrations = { migrationsList: [CreateTask] };
  orm = await createOrm(defineConfig({ dbName: 'memory://', entities: [Task], migrations }));
  tenancy = createTenancy({ resources: [orm], resolver: fromSubdomain('app.com') });
  await tenancy.migrateCentral();
  for (const id of tenants) await tenancy.tenants.create({ id });
  // To start PGlite alone takes a busy machine half a minute.
}, 300_000);
afterAll(() => tenancy.close());

type List = () => Promise<object[]>;

const frameworks: Record<string, (list: List) => LeakApp> = {
  Express: (list) =>
    express()
      .use(expressTenancy(tenancy))
      .get('/tasks', async (_, response) => void response.json(await list())),
  Hono: (list) => new Hono().use(honoTenancy(tenancy)).get('/tasks', async (c) => c.json(await list())),
};

describe.each(Object.entries(frameworks))('the leak test of an application on %s', (_, serve) => {
  const leakTest = (list: List) =>
    expectNoLeak({
      tenancy,
      orm,
      tenants,
      seed: (canary) => orm.em.insert(Task, { title: canary('title') }),
      app: serve(list),
      requests: { 'list tasks': (tenant) => new Request(`http://${tenant}.app.com/tasks`) },
    });

  test('passes where nothing leaks', () => leakTest(() => orm.em.find(Task, {})));

  test('finds an answer that is kept', async () => {
    let kept: Promise<object[]> | undefined;
    const list = () => {
      kept ??= orm.em.find(Task, {});
      return kept;
    };
    await assert.rejects(leakTest(list), /the body of the answer \(200\) to "list tasks", which is of 'bloom'/);
  });
});
