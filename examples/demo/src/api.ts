import { tenancyMiddleware } from '@omnitenant/hono';
import { Hono, type MiddlewareHandler } from 'hono';
import { Company, Customer, Project, Task } from './entities.ts';
import type { Tracker } from './tenancy.ts';

/** The tracker's API. No handler names a tenant: `orm.em` is the EntityManager of the one that the request is for. */
export function createApi({ tenancy, orm }: Tracker, ...middleware: MiddlewareHandler[]): Hono {
  const app = new Hono();
  app.use(tenancyMiddleware(tenancy), ...middleware);

  app.get('/', async (c) => {
    const company = tenancy.tryCurrent();
    // The public host is in no tenant: there it is the companies themselves that can be read.
    if (company === undefined) return c.json({ companies: await orm.em.find(Company, {}, { fields: ['id', 'name'] }) });
    const [customers, projects, open] = await Promise.all([
      orm.em.count(Customer),
      orm.em.count(Project),
      orm.em.count(Task, { done: false }),
    ]);
    return c.json({ company: company.name, plan: company.plan, customers, projects, open });
  });

  app.get('/projects', async (c) => {
    const projects = await orm.em.find(Project, {}, { populate: ['customer'], orderBy: { id: 'asc' } });
    return c.json(projects.map(({ id, name, customer }) => ({ id, name, customer: { name: customer.name } })));
  });

  app.get('/projects/:id{\\d+}', async (c) => {
    const project = await orm.em.findOne(Project, Number(c.req.param('id')), { populate: ['customer', 'tasks'] });
    return project ? c.json(project) : c.notFound();
  });

  app.get('/tasks', async (c) => {
    const tasks = await orm.em.find(Task, { done: c.req.query('done') === 'true' }, { orderBy: { id: 'asc' } });
    return c.json(tasks.map(({ id, title }) => ({ id, title })));
  });

  app.post('/tasks', async (c) => {
    const { project, title } = await c.req.json<{ project: number; title: string }>();
    const task = orm.em.create(Task, { title, project });
    await orm.em.flush();
    return c.json({ id: task.id, title: task.title }, 201);
  });

  // Raw SQL is the tenant's as well.
  app.get('/workload', async (c) => {
    const workload = await orm.em.execute(
      `select c.name, count(*)::int as open
         from task t join project p on p.id = t.project_id join customer c on c.id = p.customer_id
        where not t.done group by c.id order by open desc, c.name`,
    );
    return c.json(workload);
  });

  return app;
}
