import { Router } from 'express';
import { Project, Task } from './entities.ts';
import type { Tracker } from './tenancy.ts';

/** A company's routes. None names the company: `orm.em` is the EntityManager of the one that the request is for. */
export function projectRoutes({ orm }: Tracker): Router {
  return Router()
    .get('/projects', async (_req, res) => {
      const projects = await orm.em.find(Project, {}, { orderBy: { key: 'asc' } });
      res.json(projects.map(({ key, name }) => ({ key, name })));
    })
    .post('/projects', async (req, res) => {
      const { key, name } = req.body ?? {};
      if (!isText(key) || !isText(name)) return void res.sendStatus(400);
      await orm.em.insert(Project, { key, name });
      res.status(201).json({ key, name });
    })
    .get('/projects/:key', async (req, res) => {
      const project = await orm.em.findOne(Project, { key: req.params.key }, { populate: ['tasks'] });
      if (!project) return void res.sendStatus(404);
      res.json({
        key: project.key,
        name: project.name,
        tasks: project.tasks.map(({ title, done }) => ({ title, done })),
      });
    })
    .post('/projects/:key/tasks', async (req, res) => {
      const { title } = req.body ?? {};
      if (!isText(title)) return void res.sendStatus(400);
      const project = await orm.em.findOne(Project, { key: req.params.key });
      if (!project) return void res.sendStatus(404);
      const task = orm.em.create(Task, { title, project });
      await orm.em.flush();
      res.status(201).json({ title, done: task.done });
    });
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
