import Router from '@koa/router';
import { Project, Task } from './entities.ts';
import type { Tracker } from './tenancy.ts';

/** A company's routes. None names the company: `orm.em` is the EntityManager of the one that the request is for. */
export function projectRoutes({ orm }: Tracker): Router {
  return new Router()
    .get('/projects', async (ctx) => {
      const projects = await orm.em.find(Project, {}, { orderBy: { key: 'asc' } });
      ctx.body = projects.map(({ key, name }) => ({ key, name }));
    })
    .post('/projects', async (ctx) => {
      const { key, name } = (ctx.request.body ?? {}) as Record<string, unknown>;
      if (!isText(key) || !isText(name)) return ctx.throw(400);
      await orm.em.insert(Project, { key, name });
      ctx.status = 201;
      ctx.body = { key, name };
    })
    .get('/projects/:key', async (ctx) => {
      const project = await orm.em.findOne(Project, { key: ctx.params.key ?? '' }, { populate: ['tasks'] });
      if (!project) return ctx.throw(404);
      ctx.body = {
        key: project.key,
        name: project.name,
        tasks: project.tasks.map(({ title, done }) => ({ title, done })),
      };
    })
    .post('/projects/:key/tasks', async (ctx) => {
      const { title } = (ctx.request.body ?? {}) as Record<string, unknown>;
      if (!isText(title)) return ctx.throw(400);
      const project = await orm.em.findOne(Project, { key: ctx.params.key ?? '' });
      if (!project) return ctx.throw(404);
      const task = orm.em.create(Task, { title, project });
      await orm.em.flush();
      ctx.status = 201;
      ctx.body = { title, done: task.done };
    });
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
