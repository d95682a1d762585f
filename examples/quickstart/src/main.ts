import { serve } from '@hono/node-server';
import { defineEntity, p } from '@mikro-orm/core';
import { Migration } from '@mikro-orm/migrations';
// Or '@mikro-orm/postgresql', with your clientUrl.
import { defineConfig } from '@mikro-orm/pglite';
import { createTenancy, fromSubdomain } from '@omnitenant/core';
import { tenancyMiddleware } from '@omnitenant/hono';
import { createOrm } from '@omnitenant/orm';
import { Hono } from 'hono';

const Task = defineEntity({
  name: 'Task',
  properties: { id: p.integer().primary(), title: p.string() },
});
class CreateTask extends Migration {
  override up() {
    this.addSql('create table task (id serial primary key, title text not null)');
  }
}

const config = defineConfig({
  dbName: 'memory://',
  entities: [Task],
  migrations: { migrationsList: [CreateTask] },
});
const orm = await createOrm(config);
const tenancy = createTenancy({
  resources: [orm],
  resolver: fromSubdomain('localhost'),
});

await tenancy.migrateCentral();
for (const id of ['acme', 'bloom']) {
  await tenancy.tenants.create({ id });
  await tenancy.run(id, () => orm.em.insert(Task, { title: `A task of ${id}` }));
}

const app = new Hono().use(tenancyMiddleware(tenancy));
app.get('/tasks', async (c) => c.json(await orm.em.find(Task, {})));
// http://acme.localhost:3000/tasks and http://bloom.localhost:3000/tasks
serve({ fetch: app.fetch, port: 3000 });
