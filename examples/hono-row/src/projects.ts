import { Hono } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { Project, Task } from './entities.ts';
import type { Tracker } from './tenancy.ts';

/** A company's routes. None names the company: `orm.em` is the EntityManager of the one that the request is for. */
export function projectRoutes({ orm }: Tracker): Hono {
  return (
    new Hono()
      .get('/projects', async (c) => {
        const projects = await orm.em.find(Project, {}, { orderBy: { key: 'asc' } });
        return c.json(projects.map(({ key, name }) => ({ key, name })));
      })
      .post('/projects', async (c) => {
        const { key, name } = await c.req.json<Record<string, unknown>>();
        const project = { key: text(key), name: text(name) };
        await orm.em.insert(Project, project);
        return c.json(project, 201);
      })
      .get('/projects/:key', async (c) => {
        const project = await orm.em.findOne(Project, { key: c.req.param('key') }, { populate: ['tasks'] });
        if (!project) return c.notFound();
        const tasks = project.tasks.map(({ title, done }) => ({ title, done }));
        return c.json({ key: project.key, name: project.name, tasks });
      })
      .post('/projects/:key/tasks', async (c) => {
        const { title } = await c.req.json<Record<string, unknown>>();
        const project = await orm.em.findOne(Project, { key: c.req.param('key') });
        if (!project) return c.notFound();
        const task = orm.em.create(Task, { title: text(title), project });
        await orm.em.flush();
        return c.json({ title: task.title, done: task.done }, 201);
      })
      // Raw SQL sees the company's own rows too: the policies of its tables say so.
      .get('/workload', async (c) =>
        c.json(
          await orm.em.execute(
            `select p.key, count(*)::int as open from task t join project p on p.id = t.project_id
           where not t.done group by p.key order by open desc, p.key`,
          ),
        ),
      )
  );
}

function text(value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new HTTPException(400, { message: 'It takes a text.' });
}
